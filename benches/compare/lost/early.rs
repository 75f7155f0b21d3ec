//! A server answers before it has read the upload, and closes. Which clients return the answer?

use bytes::Bytes;
use http::Method;

use super::GROUP;
use super::clients::{Fate, HttpClient};
use super::servers::{Manners, Server};
use crate::chart::{Axis, Chart, Lines};
use crate::options::target_directory;
use crate::peers::curl;
use crate::peers::go::Go;
use crate::report::{Row, Standing, Unit, Value, Verdict};
use crate::run::Run;
use crate::stats::Figure;

const FAIRNESS: &str = "it would be unfair to let a client ask first whether the upload is wanted: nobody sends Expect: 100-continue (curl \
                        is told not to). Each upload has a connection of its own, and never are there two at a time; the server \
                        answers 413 at the first byte, and closes";

const SIZES: [usize; 5] = [16, 64, 256, 1024, 8 * 1024];

pub(super) fn measure(run: &mut Run, runtime: &tokio::runtime::Runtime) {
    let uploads = run.options.pick(25, 200);
    let mut delivered = Vec::<(String, Vec<(f64, f64)>)>::new();
    for kibibytes in SIZES {
        let name = format!("answers delivered, of uploads of {kibibytes} KiB that are refused");
        if !run.options.wants(GROUP, &name) {
            continue;
        }
        run.progress(GROUP, &name);
        let mut row = Row::new(GROUP, name, Unit::Percent, FAIRNESS);
        runtime.block_on(fill(&mut row, kibibytes * 1024, uploads));
        for entry in row.entries.iter().filter(|entry| entry.standing == Standing::Ours) {
            let all = matches!(entry.value, Value::Measured(figure) if figure.median == 100.0);
            let verdict = format!("{}: no answer is lost", entry.who);
            row.verdicts.push(if all { Verdict::Holds(verdict) } else { Verdict::Fails(verdict) });
        }
        row.stand_beside_the_best();
        for entry in &row.entries {
            let Value::Measured(figure) = entry.value else { continue };
            let point = (kibibytes as f64, figure.median);
            match delivered.iter_mut().find(|(who, _)| *who == entry.who) {
                Some((_, points)) => points.push(point),
                None => delivered.push((entry.who.clone(), vec![point])),
            }
        }
        run.push(row);
    }
    if delivered.iter().any(|(_, points)| points.len() == SIZES.len()) {
        let mut lines =
            Lines::new(Axis::logarithmic("size of the upload (KiB)"), Axis::linear("answers delivered (%)"));
        // Ours is drawn last, on top.
        for (who, points) in delivered.into_iter().rev() {
            lines.points(who, points);
        }
        let title = "The answer to a refused upload arrives, whatever its size";
        run.charts.push(Chart::lines("early-response.svg", GROUP, title, lines));
    }
}

async fn fill(row: &mut Row, size: usize, uploads: usize) {
    let server = Server::start(Manners::RefusesUploads);
    let url = server.url();
    let body = Bytes::from(vec![b'x'; size]);
    let clients = HttpClient::all();
    let mut delivered = vec![0; clients.len()];
    for _ in 0..uploads {
        for ((_, _, client), delivered) in clients.iter().zip(&mut delivered) {
            *delivered += usize::from(client.send(Method::POST, &url, body.clone()).await == Fate::Answered(413));
        }
    }
    let percent = |delivered: usize| Figure::exact(100.0 * delivered as f64 / uploads as f64);
    for ((who, standing, _), delivered) in clients.into_iter().zip(delivered) {
        row.add(standing, who, percent(delivered));
    }
    row.peer("Go net/http", go(&url, size, uploads).await.map(percent));
    row.peer("curl", curl(&url, &body, uploads).await.map(percent));
}

async fn go(url: &str, size: usize, uploads: usize) -> Result<usize, String> {
    let numbers = Go::start(2)?.ask(&format!("post {url} {size} {uploads}")).await?;
    Ok(numbers[0] as usize)
}

async fn curl(url: &str, body: &[u8], uploads: usize) -> Result<usize, String> {
    curl::installed()?;
    let file = target_directory().join("compare/upload");
    std::fs::write(&file, body).map_err(|error| error.to_string())?;
    let mut delivered = 0;
    for _ in 0..uploads {
        let mut command = curl::command();
        command.args(["--header", "Expect:", "--output", "/dev/null", "--write-out", "%{http_code}", "--data-binary"]);
        command.arg(format!("@{}", file.display())).arg(url);
        let output = command.output().await.map_err(|error| error.to_string())?;
        delivered += usize::from(output.stdout == b"413");
    }
    Ok(delivered)
}
