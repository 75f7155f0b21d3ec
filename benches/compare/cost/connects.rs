//! Connects that are counted. The accept is in the same process, and the same for all.

use std::convert::Infallible;
use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;
use hyper_happy_eyeballs::HappyEyeballsConnector;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

use crate::places::close_by_reset;

pub(super) const BARE: &str = "bare TcpStream::connect";
pub(super) const HYPER_UTIL: &str = "hyper-util HttpConnector";
pub(super) const ONE_ADDRESS: &str = "this crate, one address";
pub(super) const TWO_FAMILIES: &str = "this crate";

/// So many connects, one after the other.
pub(crate) fn run(mode: &str, connects: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(connect(mode, connects));
}

async fn connect(mode: &str, connects: usize) {
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
    let port = v6.local_addr().unwrap().port();
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    for listener in [v6, v4] {
        tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    }
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let uri: Uri = format!("http://test.example:{port}/").parse().unwrap();
    match mode {
        BARE => {
            for _ in 0..connects {
                // A service is given a URI of its own. To make it is the caller's part, here as there.
                drop(black_box(uri.clone()));
                let stream = TcpStream::connect(v6).await.unwrap();
                stream.set_nodelay(true).unwrap();
                close_by_reset(&stream);
            }
        }
        HYPER_UTIL => {
            let resolver =
                tower::service_fn(move |_: Name| std::future::ready(Ok::<_, Infallible>([v6, v4].into_iter())));
            let mut connector = HttpConnector::new_with_resolver(resolver);
            connector.set_nodelay(true);
            for _ in 0..connects {
                close_by_reset(call(&mut connector, &uri).await.inner());
            }
        }
        ONE_ADDRESS | TWO_FAMILIES => {
            let addresses = if mode == ONE_ADDRESS { vec![v6] } else { vec![v6, v4] };
            let resolver = FixedResolver::new().with("test.example", addresses);
            let mut connector = HappyEyeballsConnector::builder().resolver(resolver).build().unwrap();
            for _ in 0..connects {
                close_by_reset(call(&mut connector, &uri).await.get_ref().get_ref());
            }
        }
        _ => panic!("no such mode: {mode}"),
    }
}

async fn call<S: Service<Uri, Error: std::fmt::Debug>>(service: &mut S, uri: &Uri) -> S::Response {
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
    service.call(uri.clone()).await.unwrap()
}
