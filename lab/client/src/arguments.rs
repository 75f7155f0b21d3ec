//! The command line: `COMMAND key=value ...`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use http::{Method, Uri};
use hyper_happy_eyeballs::connect::Builder;
use hyper_happy_eyeballs::resolve::{GaiResolver, HickoryResolver};
use hyper_happy_eyeballs::tcp::{TcpConnector, TcpOptions};
use hyper_happy_eyeballs::tls::TlsConnector;
use hyper_happy_eyeballs::{HappyEyeballsConnector, MemoryHandle};
use hyper_util::client::legacy::connect::HttpConnector;

use crate::{Failure, tls};

/// What the client does and with which settings. Every time is in milliseconds on the command line.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    /// `who`: which connector. Defaults to `ours`.
    pub(crate) who: String,
    /// `uri`: `{i}` in it is replaced by the number of the connect, modulo `hosts`.
    uri: String,
    hosts: u64,
    /// `n`: how many connects or requests.
    pub(crate) count: u64,
    /// `gap`: the pause between two of them.
    pub(crate) gap: Duration,
    /// `timeout`: the connector's own limit.
    pub(crate) limit: Duration,
    /// `outer`: the caller's limit around a request. Defaults to `timeout`.
    pub(crate) outer: Option<Duration>,
    /// `fresh=1`: a new connector for every connect.
    pub(crate) fresh: bool,
    /// `memory=off`: nothing is remembered from connect to connect.
    remembers: bool,
    pub(crate) method: Method,
    keepalive_time: Option<Duration>,
    keepalive_interval: Option<Duration>,
    keepalive_retries: Option<u32>,
    user_timeout: Option<Duration>,
    local4: Option<Ipv4Addr>,
    local6: Option<Ipv6Addr>,
    interface: Option<String>,
}

impl Arguments {
    /// Reads `key=value` words.
    ///
    /// # Errors
    ///
    /// A word without `=`, a key that is not known, or a value that cannot be read.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, Failure> {
        let mut arguments = Self {
            who: "ours".to_owned(),
            uri: "http://dual.lab.test/".to_owned(),
            hosts: 1,
            count: 5,
            gap: Duration::from_millis(50),
            limit: Duration::from_secs(20),
            outer: None,
            fresh: false,
            remembers: true,
            method: Method::GET,
            keepalive_time: None,
            keepalive_interval: None,
            keepalive_retries: None,
            user_timeout: None,
            local4: None,
            local6: None,
            interface: None,
        };
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("{word:?} is not key=value"))?;
            arguments.set(key, value).map_err(|e| format!("{word:?}: {e}"))?;
        }
        arguments.uri(0)?;
        Ok(arguments)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Failure> {
        let duration = || value.parse().map(Duration::from_millis);
        match key {
            "who" => value.clone_into(&mut self.who),
            "uri" => value.clone_into(&mut self.uri),
            "hosts" => self.hosts = value.parse::<u64>()?.max(1),
            "n" => self.count = value.parse()?,
            "gap" => self.gap = duration()?,
            "timeout" => self.limit = duration()?,
            "outer" => self.outer = Some(duration()?),
            "fresh" => self.fresh = value == "1",
            "memory" => self.remembers = value != "off",
            "method" => self.method = value.parse()?,
            "keepalive_time" => self.keepalive_time = Some(duration()?),
            "keepalive_interval" => self.keepalive_interval = Some(duration()?),
            "keepalive_retries" => self.keepalive_retries = Some(value.parse()?),
            "user_timeout" => self.user_timeout = Some(duration()?),
            "local4" => self.local4 = Some(value.parse()?),
            "local6" => self.local6 = Some(value.parse()?),
            "interface" => self.interface = Some(value.to_owned()),
            _ => return Err("no such key".into()),
        }
        Ok(())
    }

    /// The destination of connect number `i`.
    pub(crate) fn uri(&self, i: u64) -> Result<Uri, http::uri::InvalidUri> {
        self.uri.replace("{i}", &(i % self.hosts).to_string()).parse()
    }

    fn tcp(&self) -> TcpOptions {
        let mut options = TcpOptions::new()
            .user_timeout(self.user_timeout)
            .keepalive_time(self.keepalive_time)
            .keepalive_interval(self.keepalive_interval)
            .keepalive_retries(self.keepalive_retries);
        let locals = [self.local4.map(IpAddr::V4), self.local6.map(IpAddr::V6)];
        for address in locals.into_iter().flatten() {
            options = options.local_address(address);
        }
        match &self.interface {
            Some(name) => options.interface(name.clone()),
            None => options,
        }
    }

    /// This crate's connector with the system's resolver, for http and https.
    pub(crate) fn ours(&self) -> Result<HappyEyeballsConnector<GaiResolver, TlsConnector>, Failure> {
        Ok(self.builder(GaiResolver::new()).tls(tls::options()).build()?)
    }

    /// This crate's connector with hickory's resolver.
    pub(crate) fn hickory(&self) -> Result<HappyEyeballsConnector<HickoryResolver, TlsConnector>, Failure> {
        Ok(self.builder(HickoryResolver::from_system_conf()?).tls(tls::options()).build()?)
    }

    fn builder<R>(&self, resolver: R) -> Builder<R, TcpConnector> {
        let builder = HappyEyeballsConnector::builder().resolver(resolver).tcp(self.tcp()).timeout(self.limit);
        if self.remembers { builder } else { builder.memory(MemoryHandle::off()) }
    }

    /// hyper-util's connector with the same socket options. The program's limit is its only one.
    pub(crate) fn hyper(&self) -> Result<HttpConnector, Failure> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_keepalive(self.keepalive_time);
        connector.set_keepalive_interval(self.keepalive_interval);
        connector.set_keepalive_retries(self.keepalive_retries);
        connector.set_tcp_user_timeout(self.user_timeout);
        match (self.local4, self.local6) {
            (Some(v4), Some(v6)) => connector.set_local_addresses(v4, v6),
            (v4, v6) => connector.set_local_address(v4.map(IpAddr::V4).or(v6.map(IpAddr::V6))),
        }
        if let Some(name) = &self.interface {
            connector.set_interface(name.clone());
        }
        Ok(connector)
    }
}
