//! What a detection measures, as the configuration writes it: `count`, `sum(records)`,
//! `distinct(seller)`, each of some events only, `count(relation=none)`, or the ratio of two,
//! `count(relation=none) / count(relation=own|party|none)`.

use super::{Dimension, Filter, Quantity};
use crate::domain::{Event, Member};
use std::fmt;

/// What is done with the events that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Number of events.
    Count,
    /// Sum of a quantity.
    Sum(Quantity),
    /// Number of distinct values of a member.
    Distinct(Member),
    /// Serial numbers of a member that have a neighbour among those touched.
    Walk(Member),
    /// How often each category occurs.
    Mix(Dimension),
    /// How large a quantity is, event by event.
    Histogram(Quantity),
    /// When something arrived.
    Arrivals,
}

impl Function {
    /// Whether its value is kept as one number.
    pub fn is_number(self) -> bool {
        matches!(self, Function::Count | Function::Sum(_))
    }

    /// What an event adds to that number.
    #[inline]
    pub fn summand(self, event: &Event<'_>) -> u64 {
        match self {
            Function::Sum(quantity) => quantity.summand(event),
            _ => 1,
        }
    }
}

/// One thing that is measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// What is done with the events that count.
    pub function: Function,
    /// Which of them count: all of these hold.
    pub filters: Vec<Filter>,
}

impl From<Function> for Term {
    fn from(function: Function) -> Term {
        Term {
            function,
            filters: Vec::new(),
        }
    }
}

impl Term {
    /// Whether an event counts.
    #[inline]
    pub fn accepts(&self, event: &Event<'_>) -> bool {
        self.filters.iter().all(|filter| filter.holds(event))
    }

    /// The members it looks at.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        let own = match self.function {
            Function::Distinct(member)
            | Function::Walk(member)
            | Function::Mix(Dimension::Member(member)) => Some(member),
            Function::Mix(Dimension::Chapter) => Some(Member::Commodity),
            Function::Count
            | Function::Sum(_)
            | Function::Mix(_)
            | Function::Histogram(_)
            | Function::Arrivals => None,
        };
        own.into_iter()
            .chain(self.filters.iter().filter_map(Filter::member))
    }

    fn parse(text: &str) -> Result<Term, String> {
        let text = text.trim();
        let (name, inside) = match text.split_once('(') {
            Some((name, rest)) => (
                name.trim(),
                rest.trim_end()
                    .strip_suffix(')')
                    .ok_or_else(|| format!("a bracket is not closed in `{text}`"))?,
            ),
            None => (text, ""),
        };
        let mut arguments = inside
            .split(',')
            .map(str::trim)
            .filter(|argument| !argument.is_empty());
        let mut argument = |what: &str| {
            arguments
                .next()
                .ok_or_else(|| format!("`{name}` needs {what}, such as {name}({what})"))
        };
        let member = |name: &str| {
            Member::named(name)
                .ok_or_else(|| format!("`{name}` is no member of an event that can be told apart"))
        };
        let quantity = |name: &str| {
            Quantity::named(name).ok_or_else(|| {
                let names = Quantity::ALL.map(Quantity::name);
                format!(
                    "`{name}` is no number of an event; {} are",
                    names.join(", ")
                )
            })
        };
        let function = match name {
            "count" => Function::Count,
            "arrivals" => Function::Arrivals,
            "sum" => Function::Sum(quantity(argument("records")?)?),
            "histogram" => Function::Histogram(quantity(argument("value_eur")?)?),
            "distinct" => Function::Distinct(member(argument("seller")?)?),
            "walk" => Function::Walk(member(argument("shipment")?)?),
            "mix" => {
                let name = argument("fields")?;
                let dimension = Dimension::named(name)
                    .ok_or_else(|| format!("`{name}` is nothing that events can be sorted by"))?;
                Function::Mix(dimension)
            }
            _ => {
                return Err(format!(
                    "`{text}` is no measure; write count, count(relation=none), sum(records), distinct(seller), walk(shipment), mix(fields), histogram(value_eur), arrivals, or a ratio of two, such as distinct(shipment) / count"
                ));
            }
        };
        let filters = arguments.map(Filter::parse).collect::<Result<_, _>>()?;
        Ok(Term { function, filters })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut arguments = Vec::new();
        let name = match self.function {
            Function::Count => "count",
            Function::Arrivals => "arrivals",
            Function::Sum(quantity) => {
                arguments.push(quantity.name().to_owned());
                "sum"
            }
            Function::Distinct(member) => {
                arguments.push(member.to_string());
                "distinct"
            }
            Function::Walk(member) => {
                arguments.push(member.to_string());
                "walk"
            }
            Function::Mix(dimension) => {
                arguments.push(dimension.to_string());
                "mix"
            }
            Function::Histogram(quantity) => {
                arguments.push(quantity.name().to_owned());
                "histogram"
            }
        };
        arguments.extend(self.filters.iter().map(Filter::to_string));
        f.write_str(name)?;
        if !arguments.is_empty() {
            write!(f, "({})", arguments.join(", "))?;
        }
        Ok(())
    }
}

/// A measure, or the share one measure has in another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expression {
    /// What is measured.
    pub of: Term,
    /// What it is measured against.
    pub per: Option<Term>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what can be written.
    pub fn parse(text: &str) -> Result<Expression, String> {
        // A slash inside brackets belongs to a value.
        let mut depth = 0;
        let slash = text.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == '/' && depth == 0
        });
        let Some(slash) = slash else {
            return Ok(Expression {
                of: Term::parse(text)?,
                per: None,
            });
        };
        Ok(Expression {
            of: Term::parse(&text[..slash])?,
            per: Some(Term::parse(&text[slash + 1..])?),
        })
    }

    /// The terms it is made of.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        std::iter::once(&self.of).chain(&self.per)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.per {
            None => self.of.fmt(f),
            Some(per) => write!(f, "{} / {per}", self.of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Relation, Text};

    #[test]
    fn expressions_read_back_what_they_print() {
        for text in [
            "count",
            "sum(records)",
            "distinct(seller)",
            "distinct(shipment) / count",
            "count(relation=none) / count(relation=own|party|granted|none)",
            "distinct(shipment, outcome=not_found) / distinct(shipment)",
            "count(page>=5) / count(page>=0)",
            "count(value_eur=140..150) / count(value_eur>=0)",
            "count(weight_grams<40, fields=value|plan)",
            "count(endpoint=/v1/exports)",
            "walk(shipment) / distinct(shipment)",
            "mix(fields)",
            "mix(value_band) / count",
            "histogram(value_eur) / distinct(shipment)",
            "arrivals",
        ] {
            assert_eq!(Expression::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Expression::parse(" sum ( bytes ) ").unwrap().to_string(),
            "sum(bytes)"
        );
        assert_eq!(
            Expression::parse("count(page<=4)").unwrap().to_string(),
            "count(page<5)"
        );
    }

    #[test]
    fn a_wrong_expression_says_what_can_be_written() {
        for text in [
            "",
            "mean(records)",
            "sum(seller)",
            "distinct(colour)",
            "count /",
            "sum records",
            "count(relation=foreign)",
            "count(seller>3)",
            "count(page=9..2)",
            "count(page=few)",
            "count(relation=none",
            "mix(colour)",
            "histogram(seller)",
        ] {
            assert!(Expression::parse(text).unwrap_err().len() > 15, "{text}");
        }
    }

    #[test]
    fn filters_choose_events() {
        let event = Event {
            relation: Some(Relation::None),
            page: Some(7),
            fields: vec![Text::from("plan")],
            ..Event::default()
        };
        for (text, accepted) in [
            ("count(relation=none)", true),
            ("count(relation=own|party)", false),
            ("count(page>=5, page<8)", true),
            ("count(page<5)", false),
            ("count(value_eur>=0)", false),
            ("count(fields=value|plan)", true),
            ("count(fields=value)", false),
            ("count(outcome=ok)", true),
        ] {
            let expression = Expression::parse(text).unwrap();
            assert_eq!(expression.of.accepts(&event), accepted, "{text}");
        }
    }
}
