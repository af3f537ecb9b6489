//! Reading YAML with line numbers, collecting every mistake instead of stopping at the first.

use super::substitute::substitute;
use crate::domain::Span;
use saphyr::{LoadableYamlNode, MarkedYamlOwned, ScalarOwned, YamlDataOwned};
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// The file.
    pub file: String,
    /// Its line, from 1; 0 for the file as a whole.
    pub line: usize,
    /// The key, as a path from the top.
    pub key: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All mistakes of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl ConfigErrors {
    pub(super) fn one(file: &str, message: String) -> ConfigErrors {
        ConfigErrors(vec![ConfigError {
            file: file.to_owned(),
            line: 0,
            key: String::new(),
            message,
        }])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// A document being read, and the mistakes found so far.
pub(super) struct Reader {
    file: String,
    directory: PathBuf,
    root: Option<MarkedYamlOwned>,
    errors: RefCell<Vec<ConfigError>>,
}

impl Reader {
    pub(super) fn new(file: &str, text: &str, directory: &Path) -> Reader {
        let mut reader = Reader {
            file: file.to_owned(),
            directory: directory.to_owned(),
            root: None,
            errors: RefCell::new(Vec::new()),
        };
        match MarkedYamlOwned::load_from_str(text) {
            Ok(mut documents) if documents.len() <= 1 => reader.root = documents.pop(),
            Ok(_) => reader.report(
                0,
                "",
                String::from("holds more than one document; write one"),
            ),
            Err(error) => {
                let line = error.marker().line();
                reader.report(line, "", format!("is not YAML: {}", error.info()));
            }
        }
        reader
    }

    fn report(&self, line: usize, key: &str, message: String) {
        self.errors.borrow_mut().push(ConfigError {
            file: self.file.clone(),
            line,
            key: key.to_owned(),
            message,
        });
    }

    /// The top of the document; `None` where it is empty.
    pub(super) fn root(&self) -> Option<Node<'_>> {
        self.root.as_ref().map(|yaml| Node {
            reader: self,
            yaml,
            key: String::new(),
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Takes over what another document's reading found.
    pub(super) fn absorb(&self, other: Reader) {
        self.errors.borrow_mut().extend(other.errors.into_inner());
    }

    /// The value, if nothing was wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, ConfigErrors> {
        let mut errors = self.errors.into_inner();
        errors.sort();
        errors.dedup();
        match value {
            Some(value) if errors.is_empty() => Ok(value),
            _ if errors.is_empty() => Err(ConfigErrors::one(
                &self.file,
                String::from("could not be read"),
            )),
            _ => Err(ConfigErrors(errors)),
        }
    }
}

/// A value in the document.
#[derive(Clone)]
pub(super) struct Node<'r> {
    reader: &'r Reader,
    yaml: &'r MarkedYamlOwned,
    key: String,
}

impl<'r> Node<'r> {
    /// Reports a mistake here.
    pub(super) fn error(&self, message: impl Into<String>) {
        self.reader
            .report(self.yaml.span.start.line(), &self.key, message.into());
    }

    /// The line it stands in.
    pub(super) fn line(&self) -> usize {
        self.yaml.span.start.line()
    }

    fn expected<T>(&self, what: &str) -> Option<T> {
        self.error(format!("must be {what}"));
        None
    }

    pub(super) fn directory(&self) -> &Path {
        self.reader.directory()
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self.yaml.data, YamlDataOwned::Value(ScalarOwned::Null))
    }

    pub(super) fn is_mapping(&self) -> bool {
        matches!(self.yaml.data, YamlDataOwned::Mapping(_))
    }

    /// The members of a mapping, in order.
    pub(super) fn members(&self) -> Option<Vec<(String, Node<'r>)>> {
        if self.is_null() {
            return Some(Vec::new());
        }
        let YamlDataOwned::Mapping(mapping) = &self.yaml.data else {
            return self.expected("a mapping (key: value)");
        };
        let mut members = Vec::new();
        for (key, yaml) in mapping {
            match scalar_text(key) {
                Some(name) => {
                    let path = if self.key.is_empty() {
                        name.clone()
                    } else {
                        format!("{}.{name}", self.key)
                    };
                    members.push((
                        name,
                        Node {
                            reader: self.reader,
                            yaml,
                            key: path,
                        },
                    ));
                }
                None => self.error("has a key that is no word"),
            }
        }
        Some(members)
    }

    /// A mapping of which only these keys may be there.
    pub(super) fn fields(&self, known: &[&str]) -> Option<Fields<'r>> {
        let members = self.members()?;
        for (name, node) in &members {
            if !known.contains(&name.as_str()) {
                let nearest = known
                    .iter()
                    .min_by_key(|known| strsim::damerau_levenshtein(known, name));
                match nearest.filter(|known| strsim::damerau_levenshtein(known, name) <= 2) {
                    Some(nearest) => node.error(format!("is not known; did you mean `{nearest}`?")),
                    None => node.error(format!("is not known; known are {}", known.join(", "))),
                }
            }
        }
        Some(Fields {
            node: self.clone(),
            members,
        })
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Option<Vec<Node<'r>>> {
        if self.is_null() {
            return Some(Vec::new());
        }
        let YamlDataOwned::Sequence(items) = &self.yaml.data else {
            return self.expected("a list");
        };
        let node = |(number, yaml)| Node {
            reader: self.reader,
            yaml,
            key: format!("{}[{number}]", self.key),
        };
        Some(items.iter().enumerate().map(node).collect())
    }

    /// A list, or one value that stands for a list of one.
    pub(super) fn one_or_many(&self) -> Option<Vec<Node<'r>>> {
        match &self.yaml.data {
            YamlDataOwned::Sequence(_) => self.items(),
            _ => Some(vec![self.clone()]),
        }
    }

    /// Text, with `${...}` put in.
    pub(super) fn text(&self) -> Option<String> {
        let Some(text) = scalar_text(self.yaml) else {
            return self.expected("text");
        };
        match substitute(&text, self.reader.directory()) {
            Ok(text) => Some(text),
            Err(message) => {
                self.error(message);
                None
            }
        }
    }

    /// Text, read further by `parse`, whose error is reported here.
    pub(super) fn parsed<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(&self.text()?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.error(message);
                None
            }
        }
    }

    /// A number within bounds.
    pub(super) fn number(&self, least: f64, most: f64) -> Option<f64> {
        self.parsed(|text| match text.parse::<f64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("must be a number from {least} to {most}")),
        })
    }

    /// A whole number within bounds.
    pub(super) fn whole(&self, least: u64, most: u64) -> Option<u64> {
        self.parsed(|text| match text.parse::<u64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(number),
            _ => Err(format!("must be a whole number from {least} to {most}")),
        })
    }

    /// True or false.
    pub(super) fn truth(&self) -> Option<bool> {
        self.parsed(|text| match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(String::from("must be true or false")),
        })
    }

    /// One of a set of words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        self.parsed(|text| {
            words
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, value)| *value)
                .ok_or_else(|| {
                    let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                    format!("must be one of {}; it is `{text}`", words.join(", "))
                })
        })
    }
}

/// A mapping whose keys were checked.
pub(super) struct Fields<'r> {
    pub(super) node: Node<'r>,
    members: Vec<(String, Node<'r>)>,
}

impl<'r> Fields<'r> {
    /// The value of a key that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&Node<'r>> {
        self.members
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, node)| node)
            .filter(|node| !node.is_null())
    }

    /// The value of a key, read; where it is absent or wrong, the value that was there before.
    pub(super) fn read<T>(
        &self,
        name: &str,
        into: &mut T,
        read: impl FnOnce(&Node<'r>) -> Option<T>,
    ) {
        if let Some(value) = self.get(name).and_then(read) {
            *into = value;
        }
    }
}

/// A scalar as it was written, so that `5` and `"5"` both are the text 5.
fn scalar_text(yaml: &MarkedYamlOwned) -> Option<String> {
    match &yaml.data {
        YamlDataOwned::Value(ScalarOwned::String(text))
        | YamlDataOwned::Representation(text, _, _) => Some(text.to_string()),
        YamlDataOwned::Value(ScalarOwned::Integer(number)) => Some(number.to_string()),
        YamlDataOwned::Value(ScalarOwned::FloatingPoint(number)) => Some(number.to_string()),
        YamlDataOwned::Value(ScalarOwned::Boolean(truth)) => Some(truth.to_string()),
        _ => None,
    }
}

/// A length of time within bounds.
pub(super) fn span(node: &Node<'_>, least: Span, most: Span) -> Option<Span> {
    node.parsed(|text| {
        let span = Span::parse(text)?;
        if (least..=most).contains(&span) {
            Ok(span)
        } else {
            Err(format!("must be from {least} to {most}"))
        }
    })
}
