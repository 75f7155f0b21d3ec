//! The servers, and how each of them is set up.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hyper::service::service_fn;
use tokio::task::JoinSet;

use crate::files::Directory;
use crate::load::{Posts, origin, run};
use crate::origin::{answer, start_behind_proxy, start_that_goes_away};
use crate::programs::{Process, find_for_gate, say};
use crate::sizes::{RESPONSES, body};
use crate::tls::authority::Authority;
use crate::tls::clients::HOST;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hyper_that_shuts_connections_down_loses_nothing() {
    let mut tasks = JoinSet::new();
    let address = start_that_goes_away(&mut tasks, service_fn(answer)).await;
    run("hyper, which goes away after ten", &origin(address.port(), false), None, 1, Posts::Asked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_loses_nothing() {
    through_nginx("nginx", "").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_that_goes_away_after_ten_requests_loses_nothing() {
    through_nginx("nginx, which goes away after ten", "keepalive_requests 10;").await;
}

/// Over TLS, and without.
async fn through_nginx(name: &str, more: &str) {
    for is_secure in [true, false] {
        let mut tasks = JoinSet::new();
        let behind = start_behind_proxy(&mut tasks).await;
        let Some(server) = Foreign::start("nginx", |directory, address| {
            let file = directory.write("nginx.conf", &nginx(directory.path(), address, behind, is_secure, more));
            let mut command = Command::new("nginx");
            command.arg("-p").arg(directory.path()).arg("-c").arg(file).args(["-e", "stderr"]);
            command
        }) else {
            return;
        };
        server.run(&format!("{name}{}", over(is_secure)), is_secure, Posts::Asked).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_loses_nothing() {
    through_haproxy("haproxy", None).await;
}

/// On a reload, the old process sends GOAWAY on each connection, and a new process takes its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_that_is_reloaded_all_the_while_loses_nothing() {
    through_haproxy("haproxy, which is reloaded", Some(Duration::from_millis(250))).await;
}

/// Over TLS, and without.
async fn through_haproxy(name: &str, reload: Option<Duration>) {
    for is_secure in [true, false] {
        let mut tasks = JoinSet::new();
        let behind = start_behind_proxy(&mut tasks).await;
        let Some(server) = Foreign::start("haproxy", |directory, address| {
            let file = directory.write("haproxy.cfg", &haproxy(address, behind, is_secure));
            let mut command = Command::new("haproxy");
            command.args(["-W", "-db", "-f"]).arg(file);
            command
        }) else {
            return;
        };
        if let Some(each) = reload {
            tasks.spawn(reload_each(each, server.process.id()));
        }
        server.run(&format!("{name}{}", over(is_secure)), is_secure, Posts::Asked).await;
        // The reloads stop before the process ends: another process may get its number.
        tasks.shutdown().await;
    }
}

async fn reload_each(time: Duration, process: u32) {
    let mut ticks = tokio::time::interval(time);
    loop {
        ticks.tick().await;
        let kill = format!("kill -USR2 {process}");
        assert!(tokio::process::Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nghttpd_loses_nothing() {
    for is_secure in [true, false] {
        let Some(server) = Foreign::start("nghttpd", |directory, address| {
            for size in RESPONSES {
                std::fs::write(directory.path().join(size.to_string()), body(size)).unwrap();
            }
            let mut command = Command::new("nghttpd");
            command.args(["--address", "127.0.0.1", "--echo-upload", "--htdocs"]).arg(directory.path());
            command.arg(address.port().to_string());
            if is_secure {
                command.arg(directory.path().join("key.pem")).arg(directory.path().join("server.pem"));
            } else {
                command.arg("--no-tls");
            }
            command
        }) else {
            return;
        };
        server.run(&format!("nghttpd{}", over(is_secure)), is_secure, Posts::Echoed).await;
    }
}

fn over(is_secure: bool) -> &'static str {
    if is_secure { " over TLS" } else { "" }
}

/// A program that serves.
struct Foreign {
    address: SocketAddr,
    authority: Authority,
    process: Process,
    _directory: Directory,
}

impl Foreign {
    /// `None` if there is no such program on this machine. `command` says how it is started at an address, with files from a directory, where a certificate lies.
    fn start(name: &str, command: impl Fn(&Directory, SocketAddr) -> Command) -> Option<Self> {
        let program = find_for_gate(name)?;
        let (authority, directory) = (Authority::new("a root"), Directory::new(name));
        let identity = authority.server(&[HOST]);
        directory.write_identity(&identity);
        directory.write("both.pem", &format!("{}{}", identity.pem(), identity.key_pem()));
        for _ in 0..10 {
            // Another process may take the port before the server does.
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
            let described = command(&directory, free);
            let mut started = Command::new(&program);
            started.args(described.get_args()).current_dir(directory.path());
            match Process::start_at(&mut started, free) {
                Ok(process) => {
                    return Some(Self { address: free, authority, process, _directory: directory });
                }
                Err(said) => say(&format!("{name} did not start: {said:?}")),
            }
        }
        panic!("{name} does not start");
    }

    async fn run(&self, name: &str, is_secure: bool, posts: Posts) {
        let authority = is_secure.then_some(&self.authority);
        run(name, &origin(self.address.port(), is_secure), authority, 2, posts).await;
    }
}

/// One process, all of whose files are in `directory`.
fn nginx(directory: &Path, address: SocketAddr, behind: SocketAddr, is_secure: bool, more: &str) -> String {
    let directory = directory.display();
    let tls = if is_secure { "ssl" } else { "" };
    format!(
        "daemon off;\nmaster_process off;\npid {directory}/pid;\nerror_log stderr error;\nevents {{ worker_connections 4096; }}\n\
         http {{\n access_log off;\n client_body_temp_path {directory}/body;\n proxy_temp_path {directory}/proxy;\n \
         fastcgi_temp_path {directory}/fastcgi;\n uwsgi_temp_path {directory}/uwsgi;\n scgi_temp_path {directory}/scgi;\n \
         upstream origin {{\n  server {behind};\n  keepalive 128;\n  keepalive_requests 1000000000;\n }}\n \
         server {{\n  listen {address} {tls} http2;\n  ssl_certificate server.pem;\n  ssl_certificate_key key.pem;\n  {more}\n  \
         location / {{\n   proxy_pass http://origin;\n   proxy_http_version 1.1;\n   proxy_set_header Connection \"\";\n  }}\n }}\n}}\n"
    )
}

fn haproxy(address: SocketAddr, behind: SocketAddr, is_secure: bool) -> String {
    let how = if is_secure { "ssl crt both.pem alpn h2" } else { "proto h2" };
    format!(
        "global\n maxconn 4000\n stats socket unix@reload expose-fd listeners\n\
         defaults\n mode http\n timeout connect 10s\n timeout client 60s\n timeout server 60s\n\
         frontend front\n bind {address} {how}\n default_backend back\nbackend back\n server origin {behind}\n"
    )
}
