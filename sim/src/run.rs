//! Runs one simulation: runtimes, callers, the network, and the checks at the end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use hyper_happy_eyeballs::client::{Builder, Client, Connector as AnyConnector, RetryPolicy};
use hyper_happy_eyeballs::response_first::ResponseFirstLayer;
use tower_layer::Layer as _;

use crate::caller::call;
use crate::ledger::{Request, Rule, Violation};
use crate::net::{Connector, World};
use crate::plan::{Ask, End, Method, Pause, Plan, Reading, Retry, Script, Settings, Upload};
use crate::rest;
use crate::stage::Stage;

/// The result of a simulation.
#[derive(Clone, Debug)]
pub struct Report {
    /// The violations.
    pub violations: Vec<Violation>,
    /// The number of requests.
    pub exchanges: u64,
    /// A hash of everything that happened, in its order.
    pub trace: u64,
}

/// Runs `plan`. The same plan gives the same report.
pub fn run(plan: &Plan) -> Report {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let plan = Arc::new(plan.clone());
        let stage = Stage::new(&plan);
        if plan.client.layered {
            let connector = ResponseFirstLayer::new().layer(Connector::new(Arc::clone(stage.world())));
            simulate(&plan, stage, connector)
        } else {
            let connector = Connector::new(Arc::clone(stage.world()));
            simulate(&plan, stage, connector)
        }
    }));
    result.unwrap_or_else(|panic| {
        let what = panic.downcast_ref::<String>().cloned();
        let what = what.or_else(|| panic.downcast_ref::<&str>().map(|&what| what.to_owned())).unwrap_or_default();
        Report { violations: vec![Violation { rule: Rule::Panic, what }], exchanges: plan.asks() as u64, trace: 0 }
    })
}

fn simulate<C: AnyConnector + Sync>(plan: &Plan, mut stage: Stage, connector: C) -> Report {
    let world = Arc::clone(stage.world());
    let client = client(&plan.client, connector);
    let mut first = 0;
    for caller in &plan.callers {
        let numbers = first..first + caller.asks.len() as u32;
        first = numbers.end;
        let asks = numbers.zip(caller.asks.iter().cloned()).collect();
        stage.spawn(caller.runtime as usize, call(Arc::clone(&world), client.clone(), asks));
    }
    stage.run_callers(HORIZON);
    if plan.client.runtimes > 1 {
        // Each driven runtime also closes the connections that others have left.
        let driven = stage.driven();
        world.with(|state| state.scripts.clear());
        let asks = driven.iter().map(|&runtime| (runtime, VISITED)).collect();
        ask(&mut stage, &client, asks, VISITS);
    }
    // Background work ends.
    stage.pass(SETTLES);
    let driven = stage.driven();
    world.with(|state| rest::on_rest(state, &driven));
    check_at_rest(plan, &world, &client);
    let end = match plan.client.end {
        // A caller that still has a client keeps the pool.
        End::Drop | End::Probe if stage.holds_caller() => End::CloseIdle,
        end => end,
    };
    match end {
        End::CloseIdle => client.close_idle(),
        End::Drop => {}
        End::Expire => stage.pass(u64::from(plan.client.idle_timeout) + 1_000),
        End::Probe => {
            client.close_idle();
            stage.pass(1);
            probe(plan, &mut stage, &client);
            client.close_idle();
        }
    }
    let client = Some(client).filter(|_| end != End::Drop);
    let is_blocked = world.with(|state| state.plan.client.http2 && state.connections.iter().any(|one| one.was_blocked));
    stage.pass(if is_blocked { FAREWELL } else { 1 });
    world.with(rest::on_end);
    drop(client);
    stage.pass(1);
    let tasks = stage.tasks();
    if tasks > 0 {
        world.with(|state| state.ledger.violate(Rule::Leak, format!("{tasks} tasks are left")));
    }
    drop(stage);
    world.with(|state| Report {
        violations: std::mem::take(&mut state.ledger.violations),
        exchanges: state.ledger.requests.iter().filter(|request| request.asked.is_some()).count() as u64,
        trace: state.ledger.trace,
    })
}

/// Checks that the client has only idle connections when no request is under way.
fn check_at_rest<C: AnyConnector>(plan: &Plan, world: &World, client: &Client<C>) {
    let total = client.pool_statistics().total;
    let is_at_rest = (total.in_use, total.streams, total.dialing, total.waiting) == (0, 0, 0, 0);
    if !is_at_rest && plan.client.runtimes == 1 {
        world.with(|state| state.ledger.violate(Rule::Leak, format!("the client counts what is not there: {total:?}")));
    }
}

/// Virtual milliseconds after which a pending request counts as pending for ever.
const HORIZON: u64 = 3_600_000;

/// Virtual milliseconds after which an HTTP/2 connection is closed whose server reads nothing.
const FAREWELL: u64 = 6_000;

/// Virtual milliseconds in which connections come to rest after the last request.
const SETTLES: u64 = 20_000;

fn client<C: AnyConnector>(settings: &Settings, connector: C) -> Client<C> {
    let ms = |ms: u32| Duration::from_millis(ms.into());
    let mut builder = Builder::new()
        .http2_prior_knowledge(settings.http2 && !settings.alpn)
        .http2_max_connections_per_host(settings.http2_connections as usize)
        .http2_windows(settings.http2_windows.0, settings.http2_windows.1)
        .idle_timeout(ms(settings.idle_timeout))
        .max_age(settings.max_age.map(ms))
        .max_connections_per_host(settings.max_connections.map(|max| max as usize))
        .late_binding(settings.late_binding)
        .retry_on_request_timeout(settings.retry_408)
        .retry_policy(match settings.retry {
            Retry::Never => RetryPolicy::Never,
            Retry::Safe => RetryPolicy::Safe,
            Retry::Idempotent => RetryPolicy::Idempotent,
        });
    if let Some(max) = settings.max_idle {
        builder = builder.max_idle_per_host(max as usize);
    }
    builder.build(connector).expect("a plan has settings that a client can have")
}

/// Checks that all allowed connections are available: as many requests are sent at once, and none is answered before all are there.
fn probe<C: AnyConnector + Sync>(plan: &Plan, stage: &mut Stage, client: &Client<C>) {
    let most = plan.client.max_connections.unwrap_or(2) as usize;
    let mut hosts: Vec<u32> = plan.callers.iter().flat_map(|caller| caller.asks.iter().map(|ask| ask.host)).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let Some(&runtime) = stage.driven().first() else { return };
    for host in hosts {
        stage.world().with(|state| {
            state.scripts.clear();
            state.fallback = Script::gathering();
            state.gathering = (most, Vec::new());
        });
        ask(stage, client, vec![(runtime, host); most], PROBES);
    }
}

/// Virtual milliseconds after which a probe has failed.
const PROBES: u64 = 30_000;

/// Virtual milliseconds after which the last request of a runtime has failed, and the host that it goes to.
const VISITS: u64 = 30_000;
const VISITED: u32 = 99;

/// Sends further requests at once, each from a runtime to a host.
fn ask<C: AnyConnector + Sync>(stage: &mut Stage, client: &Client<C>, asks: Vec<(usize, u32)>, horizon: u64) {
    let world = Arc::clone(stage.world());
    for (runtime, host) in asks {
        let ask = Ask {
            pause: Pause::default(),
            host,
            method: Method::Get,
            key: false,
            expect: false,
            body: Upload::default(),
            cancel: None,
            reading: Reading::All,
        };
        let id = world.with(|state| {
            state.is_sequential = false;
            state.ledger.requests.push(Request::new(ask.clone()));
            state.ledger.requests.len() as u32 - 1
        });
        stage.spawn(runtime, call(Arc::clone(&world), client.clone(), vec![(id, ask)]));
    }
    stage.run_callers(horizon);
}
