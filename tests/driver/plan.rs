//! Attempts of several steps, which report how far they are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hyper_happy_eyeballs::attempt::{AttemptHandle, AttemptRequest};
use hyper_happy_eyeballs::connect::Builder;
use hyper_happy_eyeballs::resolve::FixedResolver;
use hyper_happy_eyeballs::{AttemptError, Handshake, HappyEyeballsConnector};
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, service_fn};

use crate::fakes::{list, ms, name};

/// A step of an attempt. An attempt without further steps is connected.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// Takes so many milliseconds.
    Takes(u64),
    /// Says that the rest takes so many milliseconds.
    Progress(u64),
    /// Says that its transport decides the race.
    Chooses,
    /// Says that a handshake of this protocol is finished.
    ShookHands(&'static str),
    /// Asks for admission, and fails if it is not there within so many milliseconds.
    Gate(u64),
    Fails,
    /// Fails, since the certificate is not accepted.
    Distrusts,
    Hangs,
}

/// What attempts do, by address, and a log of what they did. Attempts to other addresses have no steps.
#[derive(Clone)]
pub(crate) struct Plan {
    began: Instant,
    steps: Arc<BTreeMap<String, Vec<Step>>>,
    log: Arc<Mutex<Vec<String>>>,
    handles: Arc<Mutex<Vec<AttemptHandle>>>,
}

impl Plan {
    pub(crate) fn new<const N: usize>(steps: [(&str, &[Step]); N]) -> Self {
        let steps = steps.into_iter().map(|(name, steps)| (name.to_owned(), steps.to_vec())).collect();
        Self { began: Instant::now(), steps: Arc::new(steps), log: Arc::default(), handles: Arc::default() }
    }

    pub(crate) fn attempts(
        &self,
    ) -> impl Service<AttemptRequest, Response = String, Error = AttemptError> + Clone + use<> {
        let plan = self.clone();
        service_fn(move |request: AttemptRequest| {
            let plan = plan.clone();
            async move { plan.attempt(request).await }
        })
    }

    pub(crate) fn dial(
        &self,
        names: &str,
    ) -> Builder<FixedResolver, impl Service<AttemptRequest, Response = String, Error = AttemptError> + Clone + use<>>
    {
        HappyEyeballsConnector::builder().resolver(list(names)).attempt(self.attempts())
    }

    async fn attempt(&self, request: AttemptRequest) -> Result<String, AttemptError> {
        let (endpoint, handle) = (request.endpoint().clone(), request.handle());
        let name = match (name(endpoint.address()), endpoint.address().port()) {
            (name, 80) => name,
            (name, port) => format!("{name}:{port}"),
        };
        self.note(&format!("start {name}"));
        self.handles.lock().unwrap().push(handle.clone());
        for step in self.steps.get(&name).into_iter().flatten() {
            match *step {
                Step::Takes(time) => sleep(ms(time)).await,
                Step::Progress(remaining) => handle.progress(ms(remaining)),
                Step::Chooses => handle.choose(),
                Step::ShookHands(version) => handle.shook_hands(Handshake::new().with_protocol_version(version)),
                Step::Gate(patience) => match timeout(ms(patience), handle.admission()).await {
                    Ok(admission) => {
                        let admission = admission.map_err(AttemptError::new)?;
                        let ech = admission.service().and_then(|record| record.ech.as_deref()).unwrap_or(b"-");
                        self.note(&format!("admit {name} {}", String::from_utf8_lossy(ech)));
                    }
                    Err(_) => return Err(AttemptError::new("nobody let it shake hands")),
                },
                Step::Fails => return Err(AttemptError::new("it fails")),
                Step::Distrusts => return Err(AttemptError::new("the certificate has expired").untrusted()),
                Step::Hangs => std::future::pending().await,
            }
        }
        Ok(name)
    }

    fn note(&self, what: &str) {
        self.log.lock().unwrap().push(format!("{} {what}", self.began.elapsed().as_millis()));
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The handle of the attempt that was started as the `place`-th.
    pub(crate) fn handle(&self, place: usize) -> AttemptHandle {
        self.handles.lock().unwrap()[place].clone()
    }
}
