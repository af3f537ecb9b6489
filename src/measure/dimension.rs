//! What a mix is made of: the categories that an event falls into.

use crate::domain::{Event, Member};
use std::fmt;

/// A way to sort events into categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The value of a member.
    Member(Member),
    /// The data classes returned: an event falls into each of them.
    Fields,
    /// The first two digits of the commodity's HS code; another code as a whole.
    Chapter,
    /// Declared value in steps of a factor of two, the ten euro below the duty step of 150 apart.
    ValueBand,
    /// Weight in steps of a factor of two.
    WeightBand,
    /// Declared value per kilogram: below each power of two that it is below. Steps beside each
    /// other would hide that all goods are declared at half; the share below a step does not.
    ValuePerKilogram,
}

/// Where categories lie within each other, every event that falls into any falls into this one,
/// which is no category itself.
pub const ANY: &str = "any";

const UNDER: [(f64, &str); 12] = [
    (2.0, "under 2 EUR/kg"),
    (4.0, "under 4 EUR/kg"),
    (8.0, "under 8 EUR/kg"),
    (16.0, "under 16 EUR/kg"),
    (32.0, "under 32 EUR/kg"),
    (64.0, "under 64 EUR/kg"),
    (128.0, "under 128 EUR/kg"),
    (256.0, "under 256 EUR/kg"),
    (512.0, "under 512 EUR/kg"),
    (1_024.0, "under 1,024 EUR/kg"),
    (2_048.0, "under 2,048 EUR/kg"),
    (4_096.0, "under 4,096 EUR/kg"),
];

const NAMED: [(&str, Dimension); 5] = [
    ("fields", Dimension::Fields),
    ("chapter", Dimension::Chapter),
    ("value_band", Dimension::ValueBand),
    ("weight_band", Dimension::WeightBand),
    ("value_per_kg", Dimension::ValuePerKilogram),
];

impl Dimension {
    /// The dimension of that name.
    pub fn named(name: &str) -> Option<Dimension> {
        let mut named = NAMED.iter();
        let found = named.find(|(known, _)| *known == name);
        found
            .map(|(_, dimension)| *dimension)
            .or_else(|| Member::named(name).map(Dimension::Member))
    }

    /// Gives `each` the categories of an event; an event can have none.
    pub fn categories(self, event: &Event<'_>, mut each: impl FnMut(&str)) {
        match self {
            Dimension::Member(member) => {
                if let Some(value) = event.member(member).filter(|value| !value.is_empty()) {
                    each(value);
                }
            }
            Dimension::Fields => event.fields.iter().for_each(|field| each(field)),
            Dimension::Chapter => {
                if let Some(code) = event.commodity.as_deref() {
                    let is_hs = code.len() >= 4 && code.bytes().all(|byte| byte.is_ascii_digit());
                    each(if is_hs { &code[..2] } else { code });
                }
            }
            Dimension::ValueBand => {
                if let Some(value) = event.value_eur {
                    match value {
                        value if (140.0..150.0).contains(&value) => each("140 to 150 EUR"),
                        value => band(value, "EUR", each),
                    }
                }
            }
            Dimension::WeightBand => {
                if let Some(weight) = event.weight_grams {
                    band(weight, "g", each);
                }
            }
            Dimension::ValuePerKilogram => {
                if let (Some(value), Some(weight)) = (event.value_eur, event.weight_grams)
                    && weight > 0.0
                {
                    let density = value / weight * 1e3;
                    each(ANY);
                    UNDER
                        .iter()
                        .filter(|(step, _)| density < *step)
                        .for_each(|(_, name)| each(name));
                }
            }
        }
    }
}

/// Gives `each` the factor of two that holds the value.
fn band(value: f64, unit: &str, mut each: impl FnMut(&str)) {
    if value < 1.0 {
        each(&format!("under 1 {unit}"));
        return;
    }
    let low = value.log2().floor().clamp(0.0, 30.0);
    each(&format!("{} to {} {unit}", low.exp2(), (low + 1.0).exp2()));
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = NAMED.iter().find(|(_, dimension)| dimension == self);
        match (self, named) {
            (_, Some((name, _))) => f.write_str(name),
            (Dimension::Member(member), None) => member.fmt(f),
            // Every dimension that is no member stands in the list.
            (_, None) => f.write_str("?"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Text;

    fn categories(dimension: Dimension, event: &Event<'_>) -> Vec<String> {
        let mut all = Vec::new();
        dimension.categories(event, |category| all.push(category.to_owned()));
        all
    }

    #[test]
    fn values_fall_into_bands_and_the_duty_step_stands_apart() {
        let event = |value: f64, weight: f64| Event {
            value_eur: Some(value),
            weight_grams: Some(weight),
            commodity: Some(Text::from("640299")),
            fields: vec![Text::from("value"), Text::from("plan")],
            ..Event::default()
        };
        let low = event(9.0, 300.0);
        assert_eq!(categories(Dimension::ValueBand, &low), ["8 to 16 EUR"]);
        assert_eq!(categories(Dimension::WeightBand, &low), ["256 to 512 g"]);
        let below = categories(Dimension::ValuePerKilogram, &low);
        assert_eq!((below.len(), below[0].as_str()), (9, ANY));
        assert_eq!(
            (below[1].as_str(), below[8].as_str()),
            ("under 32 EUR/kg", "under 4,096 EUR/kg")
        );
        assert_eq!(categories(Dimension::Chapter, &low), ["64"]);
        assert_eq!(categories(Dimension::Fields, &low), ["value", "plan"]);
        let step = event(149.9, 0.0);
        assert_eq!(categories(Dimension::ValueBand, &step), ["140 to 150 EUR"]);
        assert!(categories(Dimension::ValuePerKilogram, &step).is_empty());
        assert_eq!(
            categories(Dimension::ValueBand, &event(0.2, 1.0)),
            ["under 1 EUR"]
        );
    }

    #[test]
    fn names_read_back() {
        for name in [
            "fields",
            "chapter",
            "value_band",
            "weight_band",
            "value_per_kg",
            "seller",
        ] {
            assert_eq!(Dimension::named(name).unwrap().to_string(), name);
        }
        assert_eq!(Dimension::named("colour"), None);
    }
}
