//! The files of a crate, and which of them use which.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::path::Path;

use super::source::{Module, read};

/// The modules of a crate, by their paths: `race::event`. The root has none.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    modules: BTreeMap<String, Module>,
    /// The file of each module.
    files: BTreeMap<String, String>,
    /// The number of lines of each file, those of tests included.
    pub(crate) lines: BTreeMap<String, usize>,
}

/// What a path leads to.
#[derive(Debug)]
enum Found<'a> {
    /// An item that is defined in this module.
    Item(&'a str),
    Module,
    /// It is another crate's, or a name of the code around it.
    Foreign,
    /// The path begins in this crate, and leads to nothing.
    Nothing,
}

/// More re-exports than any name has.
const MAX_STEPS: usize = 32;

impl Tree {
    /// Reads every file below `root`, but for those that are tests.
    pub(crate) fn of_directory(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        let mut directories = vec![root.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(&directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    directories.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let names: Vec<_> = path
                        .strip_prefix(root)
                        .map_err(io::Error::other)?
                        .iter()
                        .map(|name| name.to_string_lossy())
                        .collect();
                    tree.add(&names.join("/"), &fs::read_to_string(&path)?);
                }
            }
        }
        Ok(tree)
    }

    /// Adds a file: `race/event.rs`.
    pub(crate) fn add(&mut self, file: &str, text: &str) {
        self.lines.insert(file.to_owned(), text.lines().count());
        let mut names: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
        if names.contains(&"tests") {
            return;
        }
        if matches!(names.last(), Some(&("mod" | "lib"))) {
            names.pop();
        }
        self.add_module(names.join("::"), file, read(text));
    }

    fn add_module(&mut self, path: String, file: &str, mut module: Module) {
        for (name, inline) in module.inline.drain(..) {
            self.add_module(join(&path, &name), file, inline);
        }
        self.files.insert(path.clone(), file.to_owned());
        self.modules.insert(path, module);
    }

    /// The arrows: to each file, the files whose items its code names. What it only passes on (`pub use`) it does not need itself.
    ///
    /// # Errors
    ///
    /// Paths of this crate that lead nowhere, which would be arrows that are not seen.
    pub(crate) fn arrows(&self) -> Result<BTreeMap<&str, BTreeSet<&str>>, Vec<String>> {
        let (mut arrows, mut lost) = (BTreeMap::<_, BTreeSet<_>>::new(), Vec::new());
        for (path, module) in &self.modules {
            let from = &*self.files[path];
            let needed = module.imports.iter().filter(|import| {
                let is_used = import.name == "*" || module.words.contains(&import.name);
                is_used || !import.is_public
            });
            for named in needed.map(|import| &import.path).chain(&module.paths) {
                match self.find(path, named, 0) {
                    Found::Item(to) => {
                        let to = &*self.files[to];
                        if from != to {
                            arrows.entry(from).or_default().insert(to);
                        }
                    }
                    Found::Nothing => lost.push(format!("{from}: {}", named.join("::"))),
                    Found::Module | Found::Foreign => {}
                }
            }
        }
        if lost.is_empty() { Ok(arrows) } else { Err(lost) }
    }

    /// Follows a path from a module on, through whatever passes its names on.
    fn find<'a>(&'a self, from: &'a str, path: &[String], steps: usize) -> Found<'a> {
        let Some((first, rest)) = path.split_first() else { return self.module(from) };
        match &**first {
            _ if steps > MAX_STEPS => Found::Nothing,
            "crate" => self.descend("", rest, steps),
            "self" => self.descend(from, rest, steps),
            "super" => {
                let parent = from.rsplit_once("::").map_or("", |(parent, _)| parent);
                match rest.first() {
                    Some(next) if next == "super" => self.find(self.key(parent), rest, steps),
                    _ => self.descend(parent, rest, steps),
                }
            }
            name => match self.look_up(from, name, rest, steps) {
                Found::Nothing => Found::Foreign,
                found => found,
            },
        }
    }

    fn descend<'a>(&'a self, module: &str, path: &[String], steps: usize) -> Found<'a> {
        match path.split_first() {
            None => self.module(module),
            Some((name, _)) if name == "*" => self.module(module),
            Some((name, rest)) => self.look_up(self.key(module), name, rest, steps),
        }
    }

    /// Looks for a name in a module, and for `rest` in what it is.
    fn look_up<'a>(&'a self, module: &'a str, name: &str, rest: &[String], steps: usize) -> Found<'a> {
        let child = join(module, name);
        if self.modules.contains_key(&child) {
            return self.descend(&child, rest, steps);
        }
        let Some(content) = self.modules.get(module) else { return Found::Nothing };
        if content.items.contains(name) {
            return Found::Item(module);
        }
        let named = content.imports.iter().filter(|import| import.name == name);
        for import in named {
            let path = [&import.path[..], rest].concat();
            match self.find(module, &path, steps + 1) {
                Found::Nothing => {}
                found => return found,
            }
        }
        for all in content.imports.iter().filter(|import| import.name == "*") {
            let stem = &all.path[..all.path.len() - 1];
            let path = [stem, &[name.to_owned()], rest].concat();
            if let found @ (Found::Item(_) | Found::Module) = self.find(module, &path, steps + 1) {
                return found;
            }
        }
        Found::Nothing
    }

    fn module(&self, path: &str) -> Found<'_> {
        if self.modules.contains_key(path) { Found::Module } else { Found::Nothing }
    }

    fn key<'a>(&'a self, path: &str) -> &'a str {
        self.modules.get_key_value(path).map_or("", |(path, _)| path)
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}::{name}") }
}

/// The shortest circle from `file` back to it, if there is one, with `file` at both ends.
pub(crate) fn circle<'a>(arrows: &BTreeMap<&'a str, BTreeSet<&'a str>>, file: &'a str) -> Option<Vec<&'a str>> {
    let mut before = BTreeMap::new();
    let mut waiting = VecDeque::from([file]);
    while let Some(at) = waiting.pop_front() {
        for &next in arrows.get(at).into_iter().flatten() {
            if next == file {
                let mut circle = vec![file, at];
                while let Some(&earlier) = before.get(circle[circle.len() - 1]) {
                    circle.push(earlier);
                }
                circle.reverse();
                return Some(circle);
            }
            if !before.contains_key(next) {
                before.insert(next, at);
                waiting.push_back(next);
            }
        }
    }
    None
}
