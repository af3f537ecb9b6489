//! Configuration: what a person typed, and what it comes to.
//!
//! A file is read into [`Config`] whole, or refused whole: all mistakes are reported at once,
//! each with its file, line and key. Unknown keys are mistakes.

mod cases;
mod cluster;
mod detections;
mod kafka;
mod policy;
mod reader;
mod reload;
mod settings;
mod show;
mod substitute;

pub use cases::{Expectation, TestCase, TestEvents, TestSuite};
pub use cluster::ClusterConfig;
pub use kafka::{KafkaConfig, Start};
pub use reader::{ConfigError, ConfigErrors};
pub use reload::Reload;
pub use settings::{
    AlertOutput, BaselineConfig, Config, HttpConfig, LogConfig, LogFormat, StateConfig, TimeConfig,
};

use crate::limits::CONFIG_BYTES_MAX;
use reader::Reader;
use std::path::Path;

/// The shipped catalogue, as text.
pub const CATALOGUE: &str = include_str!("../../config/catalogue.yaml");
/// The shipped settings, as text.
pub const SETTINGS: &str = include_str!("../../config/vigie.yaml");

impl Config {
    /// Reads a file; without one, the shipped settings.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigErrors> {
        let Some(path) = path else {
            return Config::parse("config/vigie.yaml", SETTINGS, Path::new("."));
        };
        let name = path.display().to_string();
        let text = read_file(path).map_err(|say| ConfigErrors::one(&name, say))?;
        let directory = path.parent().unwrap_or(Path::new("."));
        Config::parse(&name, &text, directory)
    }

    /// As [`Config::load`], and over it `change`, a text of the same form that says what is
    /// different.
    ///
    /// # Errors
    /// Everything that is wrong with either.
    pub fn load_changed(path: Option<&Path>, change: &str) -> Result<Config, ConfigErrors> {
        let (name, text) = match path {
            Some(path) => {
                let name = path.display().to_string();
                let text = read_file(path).map_err(|say| ConfigErrors::one(&name, say))?;
                (name, text)
            }
            None => (String::from("config/vigie.yaml"), SETTINGS.to_owned()),
        };
        let directory = path.and_then(Path::parent).unwrap_or(Path::new("."));
        let base = Reader::new(&name, &text, directory);
        let over = Reader::new("change", change, directory);
        let config = settings::read(&base, over.root().as_ref());
        base.absorb(over);
        base.finish(config)
    }

    /// Reads a text; files it names are relative to `directory`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: &str, directory: &Path) -> Result<Config, ConfigErrors> {
        let reader = Reader::new(name, text, directory);
        let config = settings::read(&reader, None);
        reader.finish(config)
    }
}

fn read_file(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if size > CONFIG_BYTES_MAX {
        return Err(format!("is larger than {CONFIG_BYTES_MAX} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
