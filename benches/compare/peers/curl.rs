//! curl, by process. It measures its own times, so that the start of the process is not in them.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::peers::first_line_of;
use crate::places::Places;

/// Whether curl is installed.
pub(crate) fn installed() -> Result<(), String> {
    let version = first_line_of("curl", &["--version"]);
    version.map(drop).ok_or_else(|| "curl is not installed".to_owned())
}

/// A quiet curl that reads no configuration and uses no proxy.
pub(crate) fn command() -> Command {
    let mut command = Command::new("curl");
    command.args(["--disable", "--silent", "--noproxy", "*"]);
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// Connects to `places`, whose addresses curl is told with `--resolve`; from the end of the look-up to the connection.
pub(crate) async fn connect(places: &Places, delay: Option<Duration>) -> Result<Duration, String> {
    let mut command = command();
    command.arg("--resolve").arg(format!("peer.example:{}:{}", places.port, bracketed(places)));
    if let Some(delay) = delay {
        command.arg("--happy-eyeballs-timeout-ms").arg(delay.as_millis().to_string());
    }
    command.args(["--output", "/dev/null", "--write-out", "%{time_namelookup} %{time_connect}"]);
    let output = command.arg(places.uri().to_string()).output().await.map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let seconds: Vec<f64> = text.split(' ').filter_map(|seconds| seconds.parse().ok()).collect();
    match seconds[..] {
        [looked_up, connected] if connected > 0.0 => Ok(Duration::from_secs_f64((connected - looked_up).max(0.0))),
        _ => Err(format!("curl ended with {:?}", output.status.code())),
    }
}

fn bracketed(places: &Places) -> String {
    let bracketed = |ip: &std::net::IpAddr| if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    places.addresses.iter().map(bracketed).collect::<Vec<_>>().join(",")
}
