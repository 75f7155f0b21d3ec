//! Splits the text of one file into tokens, and finds what it defines, imports and names.

use std::collections::BTreeSet;

/// A module: a file, or a part of one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The names of the items that are defined here.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    /// The paths of two names or more in the code, imports apart.
    pub(crate) paths: Vec<Vec<String>>,
    /// Every name in the code, imports apart.
    pub(crate) words: BTreeSet<String>,
    /// The modules that are written into the same file, by name.
    pub(crate) inline: Vec<(String, Self)>,
}

/// A name that a `use` brings in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// The name here. `*` for all names of a module.
    pub(crate) name: String,
    pub(crate) path: Vec<String>,
    /// Whether others may have it from here: `pub`, to whatever extent.
    pub(crate) is_public: bool,
}

/// Reads a module from the text of its file. What is built for tests or for the model alone is left out.
pub(crate) fn read(text: &str) -> Module {
    let tokens = without_switched_off(tokens(text));
    Reader { tokens: &tokens, place: 0 }.module()
}

/// The words and marks of a text, without comments, literals and lifetimes. `::` is one mark.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let is_word = |c: char| c == '_' || c.is_alphanumeric();
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        match at(i) {
            '/' if at(i + 1) == '/' => i += chars[i..].iter().take_while(|c| **c != '\n').count(),
            '/' if at(i + 1) == '*' => i = end_of_comment(&chars, i),
            '"' => i = end_of_string(&chars, i),
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                // A character. What is escaped may be a quote.
                i += if at(i + 1) == '\\' { 3 } else { 2 };
                i += chars[i..].iter().take_while(|c| **c != '\'').count() + 1;
            }
            '\'' => i += 1 + chars[i + 1..].iter().take_while(|c| is_word(**c)).count(),
            ':' if at(i + 1) == ':' => {
                tokens.push("::".to_owned());
                i += 2;
            }
            c if is_word(c) => {
                let word: String = chars[i..].iter().take_while(|c| is_word(**c)).collect();
                i += word.chars().count();
                let is_prefix = matches!(&*word, "r" | "b" | "br" | "c" | "cr");
                if is_prefix && word.contains('r') && matches!(at(i), '"' | '#') {
                    i = end_of_raw_string(&chars, i);
                } else if !(is_prefix && matches!(at(i), '"' | '\'') || c.is_ascii_digit()) {
                    tokens.push(word);
                }
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(c.to_string());
                }
                i += 1;
            }
        }
    }
    tokens
}

fn end_of_comment(chars: &[char], begin: usize) -> usize {
    let (mut depth, mut i) = (0, begin);
    while i < chars.len() {
        match chars[i..] {
            ['/', '*', ..] => (depth, i) = (depth + 1, i + 2),
            ['*', '/', ..] => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn end_of_string(chars: &[char], begin: usize) -> usize {
    let mut i = begin + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// `begin` is at the hashes, or at the quote if there are none.
fn end_of_raw_string(chars: &[char], begin: usize) -> usize {
    let hashes = chars[begin..].iter().take_while(|c| **c == '#').count();
    let end: Vec<char> = format!("\"{}", "#".repeat(hashes)).chars().collect();
    let mut i = begin + hashes + 1;
    while i < chars.len() && !chars[i..].starts_with(&end) {
        i += 1;
    }
    i + end.len()
}

/// The tokens without attributes, and without what they keep out of the library: `cfg(test)`, `cfg(hhe_model)`.
fn without_switched_off(tokens: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        let Some((attribute, end)) = attribute(&tokens, i) else {
            kept.push(tokens[i].clone());
            i += 1;
            continue;
        };
        let is_off = matches!(&*attribute.concat(), "cfg(test)" | "cfg(hhe_model)");
        i = if is_off { end_of_item(&tokens, end) } else { end };
    }
    kept
}

/// The attribute at `begin`, and where it ends.
fn attribute(tokens: &[String], begin: usize) -> Option<(&[String], usize)> {
    let open = match tokens.get(begin..)? {
        [hash, bracket, ..] if hash == "#" && bracket == "[" => begin + 1,
        [hash, bang, bracket, ..] if hash == "#" && bang == "!" && bracket == "[" => begin + 2,
        _ => return None,
    };
    let end = end_of_group(tokens, open);
    Some((&tokens[open + 1..end - 1], end))
}

/// The place after the bracket that closes the one at `open`.
fn end_of_group(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match &**token {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// The place after the item, the statement, the field or the variant that begins at `begin`, attributes included.
fn end_of_item(tokens: &[String], begin: usize) -> usize {
    let mut i = begin;
    while let Some((_, end)) = attribute(tokens, i) {
        i = end;
    }
    let is_field = tokens.get(i..).is_some_and(|rest| {
        let item = ["fn", "mod", "use", "struct", "enum", "impl", "trait", "const", "static", "type", "let", "async"];
        let first = rest.iter().position(|token| token != "pub").unwrap_or_default();
        let first = if rest[first] == "(" { end_of_group(rest, first) } else { first };
        !rest.get(first).is_some_and(|token| item.contains(&&**token))
    });
    while i < tokens.len() {
        match &*tokens[i] {
            ";" => return i + 1,
            "," if is_field => return i + 1,
            "}" => return i,
            "{" => {
                i = end_of_group(tokens, i);
                let goes_on = tokens.get(i).is_some_and(|token| token == ";" || token == ",");
                return if goes_on { i + 1 } else { i };
            }
            "(" | "[" => i = end_of_group(tokens, i),
            _ => i += 1,
        }
    }
    i
}

struct Reader<'a> {
    tokens: &'a [String],
    place: usize,
}

impl Reader<'_> {
    fn at(&self, ahead: usize) -> &str {
        self.tokens.get(self.place + ahead).map_or("", |token| token)
    }

    /// Reads up to the end, or up to the brace that closes this module.
    fn module(&mut self) -> Module {
        let mut module = Module::default();
        // Whether each open brace hides what is in it. That of a macro around items does not.
        let mut hiding = Vec::new();
        while self.place < self.tokens.len() {
            let is_outside = !hiding.contains(&true);
            match self.at(0) {
                "{" => hiding.push(self.place == 0 || self.tokens[self.place - 1] != "!"),
                "}" if hiding.pop().is_none() => break,
                // The path of a visibility is no use of what it names.
                "pub" if self.at(1) == "(" => {
                    self.place = end_of_group(self.tokens, self.place + 1);
                    if self.at(0) == "use" {
                        self.import(true, &mut module);
                    }
                    continue;
                }
                "pub" if self.at(1) == "use" => {
                    self.place += 1;
                    self.import(true, &mut module);
                    continue;
                }
                // What a type captures (`use<'a>`) is no import.
                "use" if self.at(1) != "<" => {
                    self.import(false, &mut module);
                    continue;
                }
                "mod" if self.at(2) == "{" => {
                    let name = self.at(1).to_owned();
                    self.place += 3;
                    module.inline.push((name, self.module()));
                }
                "struct" | "enum" | "trait" | "type" | "fn" | "const" | "static" | "union"
                    if is_outside && is_name(self.at(1)) =>
                {
                    module.items.insert(self.at(1).to_owned());
                }
                "macro_rules" if is_outside && self.at(1) == "!" => {
                    module.items.insert(self.at(2).to_owned());
                }
                token if is_name(token) => {
                    self.path(&mut module);
                    continue;
                }
                _ => {}
            }
            self.place += 1;
        }
        module
    }

    fn path(&mut self, module: &mut Module) {
        // Of a value, or of a type that is not a mere path.
        let is_member = self.place > 0 && matches!(&*self.tokens[self.place - 1], "." | "::");
        let mut path = vec![self.at(0).to_owned()];
        self.place += 1;
        while self.at(0) == "::" && is_name(self.at(1)) {
            path.push(self.at(1).to_owned());
            self.place += 2;
        }
        module.words.extend(path.iter().cloned());
        if path.len() > 1 && !is_member {
            module.paths.push(path);
        }
    }

    fn import(&mut self, is_public: bool, module: &mut Module) {
        self.place += 1;
        if self.at(0) == "::" {
            self.place += 1;
        }
        self.branch(&[], is_public, &mut module.imports);
    }

    /// Reads a branch of a `use` up to what ends it, which is passed over: a comma, a brace or the semicolon.
    fn branch(&mut self, stem: &[String], is_public: bool, imports: &mut Vec<Import>) {
        let mut path = stem.to_vec();
        let mut name = None;
        loop {
            match self.at(0) {
                "{" => {
                    self.place += 1;
                    while !matches!(self.at(0), "}" | "") {
                        self.branch(&path, is_public, imports);
                    }
                    self.place += 1;
                    // What ends the group ends the branch.
                    path.clear();
                }
                "as" => {
                    name = Some(self.at(1).to_owned());
                    self.place += 2;
                }
                "}" | "" => break,
                "," | ";" => {
                    self.place += 1;
                    break;
                }
                "::" => self.place += 1,
                token => {
                    path.push(token.to_owned());
                    self.place += 1;
                }
            }
        }
        if path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(last) = path.last() {
            imports.push(Import { name: name.unwrap_or_else(|| last.clone()), path, is_public });
        }
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c == '_' || c.is_alphabetic())
}
