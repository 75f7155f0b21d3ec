//! Tests of the system's resolver over a mock system.

mod questions;
mod threads;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Instant;

use futures_util::StreamExt;

use super::plan::Second;
use super::system::Said;
use super::*;
use crate::resolve::{Answer, QueryError, QueryErrorKind};
use crate::timer::read_clock;

struct FakeSystem<F>(F);

impl<F: Fn(&str, Query) -> Said + Send + Sync> System for FakeSystem<F> {
    /// Plans as for a system without tables and search domains.
    fn plan(&self, host: &str) -> Plan {
        plan::plan(host, plan::Files::default())
    }

    fn look_up(&self, host: &str, query: Query) -> Said {
        (self.0)(host, query)
    }

    fn now(&self) -> Instant {
        read_clock()
    }
}

fn resolver(look_up: impl Fn(&str, Query) -> Said + Send + Sync + 'static) -> GaiResolver {
    GaiResolver::over(FakeSystem(look_up))
}

fn answer(query: Query) -> Said {
    let address = |text: &str| [text.parse::<SocketAddr>().unwrap()];
    Ok(match query {
        Query::Aaaa => Answer::aaaa(address("[2001:db8::1]:0")),
        Query::A => Answer::a(address("192.0.2.1:0")),
        _ => Answer::list(address("192.0.2.2:0")),
    })
}

fn nothing(query: Query) -> Said {
    Err(QueryError::new(query, "no such host").with_kind(QueryErrorKind::NotFound))
}

fn unknown(query: Query) -> Said {
    Err(QueryError::new(query, "it may work later").with_kind(QueryErrorKind::Temporary))
}

/// Looks a name up with a call for each family, whatever this machine is connected with.
fn ask(resolver: &GaiResolver) -> GaiAnswers {
    ask_for(resolver, "www.example")
}

fn ask_for(resolver: &GaiResolver, host: &str) -> GaiAnswers {
    ask_in(resolver, host, Families::Both)
}

fn ask_in(resolver: &GaiResolver, host: &str, families: Families) -> GaiAnswers {
    answers_in(resolver, host, families, Second::Nothing)
}

fn answers_in(resolver: &GaiResolver, host: &str, families: Families, second: Second) -> GaiAnswers {
    resolver.look_up(&host.into(), Plan::Apart(second), families).into_parts().2.unwrap()
}

async fn call(resolver: &mut GaiResolver, host: &str) -> Answers<GaiAnswers> {
    let Ok(answers) = resolver.call(host.into()).await;
    answers
}

#[tokio::test]
async fn a_family_does_not_wait_for_the_other() {
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let resolver = resolver(move |_, query| {
        if query == Query::Aaaa {
            released.lock().unwrap().recv().unwrap();
        }
        answer(query)
    });
    let mut answers = ask(&resolver);
    assert_eq!(answers.next().await.unwrap().unwrap().query(), Query::A);
    release.send(()).unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().query(), Query::Aaaa);
    assert!(answers.next().await.is_none());
}

#[tokio::test]
async fn a_look_up_that_panics_is_a_failure() {
    let resolver = resolver(|_, _| std::panic::resume_unwind(Box::new("the resolver's own affair")));
    let answers: Vec<Said> = ask(&resolver).collect().await;
    let mut text: Vec<String> = answers.into_iter().map(|said| said.unwrap_err().to_string()).collect();
    text.sort();
    assert_eq!(text, ["the look-up of A failed", "the look-up of AAAA failed"]);
}
