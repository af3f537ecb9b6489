//! Sentences with places for figures: `{entity} read {observed} records in {window}, {expected} expected`.

use std::fmt::Write;

/// What a sentence can mention.
const PLACES: [&str; 8] = [
    "entity", "observed", "expected", "window", "effect", "part", "trials", "change",
];

/// The figures that fill a sentence.
#[derive(Clone, Copy, Debug)]
pub struct Figures<'a> {
    /// The entity on one line.
    pub entity: &'a str,
    /// Observed value.
    pub observed: &'a str,
    /// Expected value.
    pub expected: &'a str,
    /// Length of the window.
    pub window: &'a str,
    /// observed / expected, as `×12`.
    pub effect: &'a str,
    /// What of the entity decided: the category of a mix.
    pub part: &'a str,
    /// What a share is a share of.
    pub trials: &'a str,
    /// `more` or `less`.
    pub change: &'a str,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Words(String),
    Place(&'static str),
}

/// A checked sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    source: String,
    pieces: Vec<Piece>,
}

impl Template {
    /// Reads a sentence.
    ///
    /// # Errors
    /// Names the place that does not exist, or the brace that does not close.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (words, from_brace) = rest.split_at(open);
            pieces.push(Piece::Words(words.to_owned()));
            let close = from_brace
                .find('}')
                .ok_or_else(|| format!("a brace is not closed in `{text}`"))?;
            let name = &from_brace[1..close];
            let place = PLACES
                .into_iter()
                .find(|place| *place == name)
                .ok_or_else(|| {
                    format!(
                        "`{{{name}}}` is nothing a sentence can mention; it can mention {}",
                        PLACES.map(|place| format!("{{{place}}}")).join(", ")
                    )
                })?;
            pieces.push(Piece::Place(place));
            rest = &from_brace[close + 1..];
        }
        pieces.push(Piece::Words(rest.to_owned()));
        Ok(Template {
            source: text.to_owned(),
            pieces,
        })
    }

    /// The sentence as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The sentence with its figures.
    pub fn fill(&self, figures: &Figures<'_>) -> String {
        let mut sentence = String::new();
        for piece in &self.pieces {
            let words = match piece {
                Piece::Words(words) => words.as_str(),
                Piece::Place("entity") => figures.entity,
                Piece::Place("observed") => figures.observed,
                Piece::Place("expected") => figures.expected,
                Piece::Place("window") => figures.window,
                Piece::Place("effect") => figures.effect,
                Piece::Place("part") => figures.part,
                Piece::Place("trials") => figures.trials,
                Piece::Place(_) => figures.change,
            };
            let _ = sentence.write_str(words);
        }
        sentence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: Figures<'_> = Figures {
        entity: "actor a",
        observed: "4,012",
        expected: "31",
        window: "1h",
        effect: "×129",
        part: "value",
        trials: "40",
        change: "more",
    };

    #[test]
    fn every_place_is_filled() {
        let text = PLACES.map(|place| format!("<{{{place}}}>")).join("");
        assert_eq!(
            Template::parse(&text).unwrap().fill(&FIGURES),
            "<actor a><4,012><31><1h><×129><value><40><more>"
        );
    }

    #[test]
    fn an_unknown_place_and_an_open_brace_are_refused() {
        assert!(
            Template::parse("{actor} did it")
                .unwrap_err()
                .contains("{entity}")
        );
        assert!(
            Template::parse("{entity did it")
                .unwrap_err()
                .contains("not closed")
        );
    }
}
