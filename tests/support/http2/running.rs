//! Runs a scenario over HTTP/2, once.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::clients::Http2Client;
use super::script::Http2;
use super::server::Server;
use super::tls::Tls;
use crate::exchange::Stage;
use crate::exchange::clients::Which;
use crate::exchange::scenario::{Failure, Scenario};
use crate::exchange::visit::Visit;

/// Runs the whole scenario once. If it does not end, the error says who waits for what.
pub(crate) fn run(
    scenario: &Arc<Scenario<Http2>>,
    stage: &Stage,
    runtime: &Runtime,
    which: Which,
    tls: &Tls,
    over_tls: bool,
) -> Result<Vec<String>, Failure> {
    let scheme = if over_tls { "https" } else { "http" };
    let mut server = Server::start(Arc::clone(scenario), stage.clone(), over_tls.then(|| Arc::clone(&tls.server)))?;
    let origin = format!("{scheme}://{}", server.host.address);
    runtime.block_on(async {
        let client = Http2Client::new(which, &scenario.settings, tls, over_tls)?;
        let visit = Visit::new(scenario, stage.clone(), origin, client);
        let all = async {
            let mut log = visit.follow().await?;
            server.host.finish().await?;
            // Without a client and connections all tasks end.
            while runtime.metrics().num_alive_tasks() > 0 {
                stage.at("a task of the client", 0, "after the end");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            log.extend(server.log());
            Ok(log)
        };
        match tokio::time::timeout(PATIENCE, all).await {
            Ok(result) => result,
            Err(_) => Err(format!("it hangs: {}", stage.board()).into()),
        }
    })
}

/// Longer than anything takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
