//! The page is whole, needs nothing from elsewhere, and nothing from outside becomes markup.

use super::render;
use crate::domain::Span;
use crate::evaluate::{
    AlertBook, AlertRecord, Calibration, Evaluation, Settings, TestRow, Traffic, Truth, evaluate,
};
use crate::statistics::{PValue, Tail};

const HOSTILE: &str = "<script>alert('\\\"x&')</script>";

fn evaluation(word: &str) -> Evaluation {
    let mut truth = Truth::default();
    for label in [
        format!(
            r#"{{"label":"run","start":"2026-01-05T00:00:00Z","end":"2026-01-09T00:00:00Z","story":"{word}"}}"#
        ),
        format!(
            r#"{{"label":"regime","regime":"{word}","start":"2026-01-06T00:00:00Z","end":"2026-01-07T00:00:00Z"}}"#
        ),
        format!(
            r#"{{"label":"episode","id":"{word}","kind":"attack","scenario":"{word}","intensity":"low","class":"harvesting",
            "detections":["{word}"],"entities":[{{"actor":"{word}"}}],"start":"2026-01-05T10:00:00Z","end":"2026-01-05T12:00:00Z",
            "taken":[["2026-01-05T12:00:00Z",90]],"story":"{word}"}}"#
        ),
        format!(
            r#"{{"label":"episode","id":"2","kind":"attack","scenario":"missed","class":"probing","entities":[{{"actor":"b"}}],
            "start":"2026-01-05T10:00:00Z","end":"2026-01-07T12:00:00Z","story":"{word}"}}"#
        ),
        format!(
            r#"{{"label":"episode","id":"3","kind":"hard_negative","scenario":"{word}","entities":[{{"actor":"c"}}],
            "start":"2026-01-05T10:00:00Z","end":"2026-01-07T12:00:00Z"}}"#
        ),
    ] {
        truth.read(label.as_bytes()).unwrap();
    }
    let mut book = AlertBook::default();
    for (id, actor) in [("1", word), ("2", "c"), ("3", "d")] {
        let record = format!(
            r#"{{"id":"{id}","status":"firing","detection":"{word}","class":"harvesting","severity":"{word}",
            "entity":{{"actor":"{actor}"}},"window":{{"start":"2026-01-05T10:00:00Z","end":"2026-01-05T11:00:00Z"}},
            "decided":"2026-01-05T11:05:00Z","false_alarms_per_day":0.5,"explanation":"{word}"}}"#
        );
        book.add(AlertRecord::read(record.as_bytes()).unwrap());
    }
    let mut calibration = Calibration::default();
    for i in 0..20_000 {
        calibration.note(&TestRow {
            detection: word,
            window: Span::HOUR,
            class: word,
            maturity: word,
            regime: word,
            expected: 2.0,
            tail: Tail::new(PValue::new((f64::from(i) + 0.5) / 2e4), 0.0),
        });
    }
    let traffic = Traffic {
        name: word.to_owned(),
        truth,
        alerts: book.finish(),
        sweep: None,
        bounds: Vec::new(),
    };
    evaluate(&[traffic], &Settings::default(), calibration.finish())
}

/// The words of the page's text, with every element opened and closed in order.
fn text_of_well_formed(page: &str) -> String {
    let body = page
        .strip_prefix("<!DOCTYPE html>\n")
        .expect("a document type");
    let mut open: Vec<&str> = Vec::new();
    let mut text = String::new();
    let mut rest = body;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        assert!(!tag.contains('<'), "markup within a tag: {tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in another order");
        } else {
            assert_eq!(tag.matches('"').count() % 2, 0, "an open quote: {tag}");
            let name = tag.split([' ', '/']).next().unwrap();
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "left open: {open:?}");
    text.push_str(rest);
    for (at, _) in text.match_indices('&') {
        let reference = &text[at..text[at..].find(';').map_or(at, |end| at + end + 1)];
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].contains(&reference);
        assert!(known, "a bare ampersand at {reference:?}");
    }
    text
}

#[test]
fn the_page_is_well_formed_whatever_the_names_are() {
    for word in [
        "plain",
        HOSTILE,
        "",
        "a\\nb\\u0000c",
        "ÿ×—☃",
        &"long".repeat(400),
    ] {
        let page = render(&evaluation(word));
        text_of_well_formed(&page);
        assert!(!page.contains("<script"), "{word}");
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = render(&evaluation("plain"));
    for word in [
        "http:", "https:", "url(", "@import", "src=", "<link", "<img",
    ] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn every_figure_and_the_honest_sentence_are_on_the_page() {
    let evaluation = evaluation("plain");
    let page = render(&evaluation);
    let text = text_of_well_formed(&page);
    for words in [
        "simulated traffic only",
        "Recall against what it costs",
        "By scenario",
        "Episodes and alerts",
        "False alarms, as shipped",
        "Time to detect",
        "Records lost before the first alert",
        "Most records taken unseen within 30 days",
        "Calibration of p-values",
        "By detection",
        "Missed attacks (1)",
        "Strongest false alarms (2)",
    ] {
        assert!(text.contains(words), "no {words}");
    }
    assert_eq!(page.matches("<figure>").count(), 5);
    // One attack found, one missed, one honest oddity, and each in the legend.
    for class in ["hit", "miss"] {
        let mark = format!("<rect class=\"{class}\"");
        assert_eq!(page.matches(&mark).count(), 2, "{class}");
    }
    assert_eq!(render(&evaluation), page, "the same bytes");
}

#[test]
fn an_evaluation_of_nothing_is_a_whole_page() {
    let nothing = evaluate(&[], &Settings::default(), None);
    assert!(text_of_well_formed(&render(&nothing)).contains("0 runs"));
}
