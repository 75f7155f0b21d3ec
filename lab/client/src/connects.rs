//! Connects one after the other, or one every so often whatever became of those before.

use http::{Extensions, Response, Uri};
use hyper_util::client::legacy::connect::Connection;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Service, ServiceExt};

use crate::arguments::Arguments;
use crate::report::Report;
use crate::{Failure, OUTER_LIMIT};

/// Connects `n` times, one after the other, with a pause of `gap`.
pub(crate) async fn connect<C>(arguments: &Arguments, make: impl Fn() -> Result<C, Failure>) -> Result<(), Failure>
where
    C: Service<Uri> + Clone,
    C::Response: Connection,
    C::Error: Into<Failure>,
{
    let shared = make()?;
    for i in 0..arguments.count {
        let connector = if arguments.fresh { make()? } else { shared.clone() };
        one(arguments, connector, i).await?.print();
        sleep(arguments.gap).await;
    }
    Ok(())
}

/// Starts a connect every `gap`, whatever became of those before.
pub(crate) async fn drip<C>(arguments: &Arguments, make: impl Fn() -> Result<C, Failure>) -> Result<(), Failure>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: Connection + Send,
    C::Error: Into<Failure>,
    C::Future: Send,
{
    let connector = make()?;
    let mut tasks = JoinSet::new();
    for i in 0..arguments.count {
        let (connector, own) = (connector.clone(), arguments.clone());
        tasks.spawn(async move { one(&own, connector, i).await });
        sleep(arguments.gap).await;
    }
    while let Some(report) = tasks.join_next().await {
        report??.print();
    }
    Ok(())
}

async fn one<C>(arguments: &Arguments, connector: C, i: u64) -> Result<Report, Failure>
where
    C: Service<Uri>,
    C::Response: Connection,
    C::Error: Into<Failure>,
{
    let uri = arguments.uri(i)?;
    let mut report = Report::begin(&arguments.who, i, &uri);
    let outcome = timeout(arguments.limit + OUTER_LIMIT, connector.oneshot(uri)).await;
    report.stop();
    match outcome {
        Ok(Ok(stream)) => report.succeeded(&extras(&stream)),
        Ok(Err(error)) => report.failed(&*error.into()),
        Err(_) => report.gave_up(),
    }
    Ok(report)
}

fn extras(stream: &impl Connection) -> Extensions {
    let mut response = Response::new(());
    stream.connected().get_extras(response.extensions_mut());
    std::mem::take(response.extensions_mut())
}
