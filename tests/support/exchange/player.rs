//! Plays the script of a connection.

use std::io;
use std::ops::ControlFlow;

use super::Stage;
use super::scenario::{Line, Protocol, Scenario, Step};

/// The server's end of one connection.
pub(crate) trait Player<A> {
    /// Performs an action of the script. Breaks if that ends the connection.
    fn take(&mut self, action: &A) -> impl Future<Output = io::Result<ControlFlow<()>>> + Send;

    /// Adds a line to the log.
    fn log(&mut self, event: &str);
}

/// Plays the script of connection `id`. Returns the player if the connection is still open.
pub(crate) async fn follow<P: Protocol, T: Player<P::Action>>(
    scenario: &Scenario<P>,
    id: usize,
    stage: &Stage,
    mut player: T,
) -> Option<T> {
    let who = format!("connection {id}");
    let Some(script) = scenario.script(id) else {
        player.log("was not expected");
        return None;
    };
    let (mut at, mut again) = (0, script.len());
    while let Some(Line { number, text, what: Step { action, may_end } }) = script.get(at) {
        stage.at(&who, *number, text);
        if let Some(action) = action {
            match player.take(action).await {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => {
                    stage.done(&who);
                    return None;
                }
                Err(error) => {
                    let name = text.split_whitespace().next().unwrap_or_default();
                    if error.kind() == io::ErrorKind::InvalidData {
                        player.log(&format!("was sent nonsense in {name}"));
                    } else if !may_end {
                        player.log(&format!("ended in {name}"));
                    }
                    stage.done(&who);
                    return None;
                }
            }
        } else {
            again = at + 1;
        }
        at = if at + 1 == script.len() { again } else { at + 1 };
    }
    stage.done(&who);
    Some(player)
}
