//! Marks on paper: axes, lines and text as inline SVG, with names from outside made harmless.
//!
//! Everything written here is well-formed XML as well as HTML, so that a test can tell whether a
//! page is whole. Colours are classes of the style sheet, which knows light and dark.

use std::fmt::Write;

/// Text that can stand anywhere in the page, in attributes too.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // What no XML may hold, and what would break a line in a title.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A name cut to so many characters.
pub(super) fn cut(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(chars.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// From values to places.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// Values at both ends.
    pub(super) values: (f64, f64),
    /// Places of both ends.
    pub(super) places: (f64, f64),
    pub(super) logarithmic: bool,
}

impl Axis {
    pub(super) fn linear(values: (f64, f64), places: (f64, f64)) -> Axis {
        Axis {
            values,
            places,
            logarithmic: false,
        }
    }

    pub(super) fn logarithmic(values: (f64, f64), places: (f64, f64)) -> Axis {
        Axis {
            values,
            places,
            logarithmic: true,
        }
    }

    /// The place of a value; at an end where the value is beyond it.
    pub(super) fn at(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        let share = if self.logarithmic {
            let low = low.max(1e-300);
            (value.max(1e-300).ln() - low.ln()) / (high.ln() - low.ln())
        } else {
            (value - low) / (high - low)
        };
        let share = if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.places.0 + share * (self.places.1 - self.places.0)
    }

    /// Powers of ten within a logarithmic axis.
    pub(super) fn decades(&self) -> Vec<f64> {
        let (low, high) = self.values;
        let first = (low.log10() - 1e-9).ceil() as i32;
        let last = (high.log10() + 1e-9).floor() as i32;
        (first..=last).map(|power| 10_f64.powi(power)).collect()
    }
}

/// A step of 1, 2 or 5 times a power of ten that cuts a range into about so many parts.
pub(super) fn round_step(range: f64, parts: f64) -> f64 {
    let rough = (range / parts).max(1e-9);
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= rough * 0.999);
    step.unwrap_or(10.0) * power
}

/// Where text stands to its place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A drawing.
pub(super) struct Canvas {
    out: String,
}

impl Canvas {
    /// Of this size, with a description for those who cannot see it.
    pub(super) fn new(width: f64, height: f64, description: &str) -> Canvas {
        let mut out = String::new();
        // Writing into a string cannot fail, here and below.
        let _ = write!(
            out,
            "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
             aria-label=\"{}\">",
            escape(description)
        );
        Canvas { out }
    }

    pub(super) fn rect(&mut self, class: &str, place: (f64, f64), size: (f64, f64), title: &str) {
        let ((x, y), (width, height)) = (place, size);
        let _ = write!(
            self.out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"",
            width.max(0.0),
            height.max(0.0)
        );
        self.close("rect", title);
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let _ = write!(
            self.out,
            "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    pub(super) fn circle(&mut self, class: &str, at: (f64, f64), radius: f64, title: &str) {
        let _ = write!(
            self.out,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"",
            at.0, at.1
        );
        self.close("circle", title);
    }

    /// A line through points.
    pub(super) fn path(&mut self, class: &str, points: &[(f64, f64)], title: &str) {
        self.shape(class, points, false, title);
    }

    /// An area within points.
    pub(super) fn area(&mut self, class: &str, points: &[(f64, f64)]) {
        self.shape(class, points, true, "");
    }

    fn shape(&mut self, class: &str, points: &[(f64, f64)], closed: bool, title: &str) {
        let _ = write!(self.out, "<path class=\"{class}\" d=\"");
        for (number, (x, y)) in points.iter().enumerate() {
            let _ = write!(
                self.out,
                "{}{x:.1} {y:.1}",
                if number == 0 { 'M' } else { 'L' }
            );
        }
        self.out.push_str(if closed { "Z\"" } else { "\"" });
        self.close("path", title);
    }

    pub(super) fn text(&mut self, class: &str, anchor: Anchor, at: (f64, f64), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = write!(
            self.out,
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            at.0,
            at.1,
            escape(text)
        );
    }

    /// Ends an element, with a word that shows when it is pointed at.
    fn close(&mut self, name: &str, title: &str) {
        if title.is_empty() {
            self.out.push_str("/>");
        } else {
            let _ = write!(self.out, "><title>{}</title></{name}>", escape(title));
        }
    }

    pub(super) fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }
}

/// Rows of a table: the first holds headings, and so many first columns are text.
pub(super) fn table(headings: &[&str], left: usize, rows: &[Vec<String>]) -> String {
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    let class = |column: usize| {
        if column < left {
            ""
        } else {
            " class=\"figure\""
        }
    };
    for (column, heading) in headings.iter().enumerate() {
        let _ = write!(out, "<th{}>{}</th>", class(column), escape(heading));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(out, "<td{}>{}</td>", class(column), escape(cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// What marks mean: the class of a mark and its word.
pub(super) fn legend(entries: &[(&str, &str)]) -> String {
    let mut out = String::from("<p class=\"legend\">");
    for (class, word) in entries {
        let _ = write!(
            out,
            "<span><svg width=\"14\" height=\"12\" aria-hidden=\"true\"><rect class=\"{class}\" x=\"1\" y=\"1\" \
             width=\"12\" height=\"10\"/></svg>{}</span>",
            escape(word)
        );
    }
    out.push_str("</p>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_outside_never_becomes_markup() {
        assert_eq!(
            escape("<a href='x'>&\"\u{0}\n"),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;  "
        );
    }

    #[test]
    fn an_axis_never_leaves_the_paper() {
        let axis = Axis::logarithmic((0.1, 100.0), (10.0, 310.0));
        for (value, place) in [
            (0.1, 10.0),
            (1.0, 110.0),
            (100.0, 310.0),
            (0.0, 10.0),
            (1e9, 310.0),
            (f64::NAN, 10.0),
        ] {
            assert!(
                (axis.at(value) - place).abs() < 1e-9,
                "{value}: {}",
                axis.at(value)
            );
        }
        assert_eq!(axis.decades(), [0.1, 1.0, 10.0, 100.0]);
        let nothing = Axis::linear((0.0, 0.0), (0.0, 50.0));
        assert_eq!(nothing.at(0.0), 0.0);
    }

    #[test]
    fn steps_are_round() {
        for (range, parts, step) in [(28.0, 14.0, 2.0), (97.0, 5.0, 20.0), (0.9, 5.0, 0.2)] {
            assert!((round_step(range, parts) - step).abs() < 1e-9);
        }
    }
}
