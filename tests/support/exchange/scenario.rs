//! Parses a scenario: settings, the server's scripts, and the client's statements.

use std::collections::BTreeMap;

use super::asking::{Statement, statement};
use super::words::{self, number};

pub(crate) type Failure = Box<dyn std::error::Error>;

/// The part of a file above the line.
pub(crate) struct Scenario<P: Protocol> {
    pub(crate) settings: P::Settings,
    /// How many times the scenario is run from its beginning.
    pub(crate) repeat: usize,
    pub(crate) linux_only: bool,
    /// The log counts equal outcomes, in any order.
    pub(crate) tally: bool,
    /// The log has the cause of each error.
    pub(crate) causes: bool,
    connections: BTreeMap<usize, Vec<Line<Step<P::Action>>>>,
    /// The script of connections without one of their own.
    others: Option<Vec<Line<Step<P::Action>>>>,
    pub(crate) client: Vec<Line<Statement>>,
}

/// The protocol of a script.
pub(crate) trait Protocol {
    /// The settings of this protocol only.
    type Settings: Default;
    type Action;

    fn setting(settings: &mut Self::Settings, words: &[&str]) -> Result<(), Failure>;

    fn action(keyword: &str, rest: &str) -> Result<Self::Action, Failure>;

    /// Whether the action ends the connection.
    fn ends(action: &Self::Action) -> bool;
}

/// A statement and its line.
pub(crate) struct Line<T> {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) what: T,
}

/// What the server does on a connection.
pub(crate) struct Step<A> {
    /// `None` where the following steps are repeated.
    pub(crate) action: Option<A>,
    /// The client may have gone by then.
    pub(crate) may_end: bool,
}

/// Which part of the script a line belongs to.
#[derive(Default)]
enum Part {
    #[default]
    Settings,
    Connection(usize),
    Others,
    Client,
}

/// The state of the parser.
#[derive(Default)]
struct Reading {
    part: Part,
    /// The settings and parts so far, with their lines.
    said: BTreeMap<String, usize>,
    /// The line in which the server ends the present connection.
    ended: Option<usize>,
}

impl Reading {
    /// Checks that a setting, or the script of a connection, is given only once.
    fn say_once(&mut self, at: usize, what: &str) -> Result<(), Failure> {
        match self.said.insert(what.to_owned(), at) {
            Some(before) => Err(format!("line {before} has said `{what}` already").into()),
            None => Ok(()),
        }
    }

    /// Parses a step of the server. An error after the connection was closed.
    fn step<P: Protocol>(&mut self, at: usize, line: &str) -> Result<Step<P::Action>, Failure> {
        if let Some(end) = self.ended {
            return Err(format!("the connection has ended in line {end}").into());
        }
        let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let (keyword, may_end) = keyword.strip_suffix('?').map_or((keyword, false), |keyword| (keyword, true));
        if (keyword, rest) == ("loop", "") {
            return Ok(Step { action: None, may_end });
        }
        let action = P::action(keyword, rest.trim())?;
        if P::ends(&action) {
            self.ended = Some(at);
        }
        Ok(Step { action: Some(action), may_end })
    }
}

impl<P: Protocol> Scenario<P> {
    /// Parses the part above the line, without comments. Empty lines are ignored.
    pub(crate) fn read<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Result<Self, Failure> {
        let mut this = Self {
            settings: P::Settings::default(),
            repeat: 1,
            linux_only: false,
            tally: false,
            causes: false,
            connections: BTreeMap::new(),
            others: None,
            client: Vec::new(),
        };
        let mut reading = Reading::default();
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            this.line(number, line, &mut reading).map_err(|error| format!("line {number}, `{line}`: {error}"))?;
        }
        if this.client.is_empty() { Err("the client asks nothing".into()) } else { Ok(this) }
    }

    /// Returns the script of a connection.
    pub(crate) fn script(&self, id: usize) -> Option<&[Line<Step<P::Action>>]> {
        self.connections.get(&id).or(self.others.as_ref()).map(Vec::as_slice)
    }

    /// Whether the client may leave a connection before the first statement of its script.
    pub(crate) fn may_end_at_once(&self, id: usize) -> bool {
        self.script(id).and_then(<[_]>::first).is_some_and(|first| first.what.may_end)
    }

    fn line(&mut self, number: usize, line: &str, reading: &mut Reading) -> Result<(), Failure> {
        let part = match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["client"] => Some(Part::Client),
            ["connection", "*"] => {
                self.others = Some(Vec::new());
                Some(Part::Others)
            }
            ["connection", id] => {
                let id = words::number(id)?;
                self.connections.insert(id, Vec::new());
                Some(Part::Connection(id))
            }
            _ => None,
        };
        if let Some(part) = part {
            reading.say_once(number, line)?;
            (reading.part, reading.ended) = (part, None);
            return Ok(());
        }
        let text = line.to_owned();
        match reading.part {
            Part::Settings => {
                let what = if line.starts_with("show ") { line } else { line.split(' ').next().unwrap_or(line) };
                reading.say_once(number, what)?;
                self.setting(line)?;
            }
            Part::Connection(id) => {
                let what = reading.step::<P>(number, line)?;
                self.connections.entry(id).or_default().push(Line { number, text, what });
            }
            Part::Others => {
                let what = reading.step::<P>(number, line)?;
                self.others.get_or_insert_default().push(Line { number, text, what });
            }
            Part::Client => self.client.push(Line { number, text, what: statement(line)? }),
        }
        Ok(())
    }

    fn setting(&mut self, line: &str) -> Result<(), Failure> {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["repeat", n] => self.repeat = number(n)?,
            ["only", "linux"] => self.linux_only = true,
            ["show", "tally"] => self.tally = true,
            ["show", "causes"] => self.causes = true,
            ref words => P::setting(&mut self.settings, words)?,
        }
        Ok(())
    }
}
