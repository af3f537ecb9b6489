//! The page at `/`: endpoints and active alerts, as plain as it gets.

use super::live::LiveStatus;
use crate::domain::{AlertStatus, label_of};
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
td,th{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #d8dee4}\
.critical{color:#b00020;font-weight:600}.warning{color:#8a5a00;font-weight:600}.info{color:#57606a}.quiet{color:#57606a}";

/// Writes the page.
pub(super) fn render(status: &LiveStatus) -> String {
    let mut page = String::with_capacity(8192);
    let counts = &status.counts;
    let watermark = status
        .watermark
        .map_or_else(|| String::from("no event yet"), |time| time.to_string());
    // Writing into a string cannot fail.
    let _ = write!(
        page,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>vigie</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"refresh\" content=\"10\">\
         <style>{STYLE}</style></head><body><h1>vigie</h1>\
         <p>{} events read: {} processed, {} rejected, {} late, {} duplicate. Event time {watermark}.</p>\
         <p class=\"quiet\"><a href=\"/metrics\">/metrics</a> · <a href=\"/api/v1/alerts\">/api/v1/alerts</a> · \
         <a href=\"/-/healthy\">/-/healthy</a> · <a href=\"/-/ready\">/-/ready</a></p>",
        counts.read(),
        counts.processed_in_all(),
        counts.rejected_in_all(),
        counts.late,
        counts.duplicate,
    );
    let _ = write!(
        page,
        "<h2>Active alerts ({})</h2>",
        status.back.active.len()
    );
    if status.back.active.is_empty() {
        page.push_str("<p class=\"quiet\">Nothing unusual.</p>");
    } else {
        table(&mut page, status.back.active.iter());
    }
    let resolved = || {
        status
            .recent
            .iter()
            .filter(|alert| alert.status == AlertStatus::Resolved)
    };
    if resolved().next().is_some() {
        page.push_str("<h2>Resolved lately</h2>");
        table(&mut page, resolved().take(20));
    }
    page.push_str("</body></html>\n");
    page
}

fn table<'a>(page: &mut String, alerts: impl Iterator<Item = &'a crate::domain::Alert>) {
    page.push_str("<table><tr><th>Severity</th><th>What</th><th>Who</th><th>Seen</th></tr>");
    for alert in alerts {
        let severity = alert.severity.name();
        let _ = write!(
            page,
            "<tr><td class=\"{severity}\">{severity}</td><td><b>{}</b><br>{}</td><td>{}</td><td>{}</td></tr>",
            escape(&alert.detection),
            escape(&alert.explanation),
            escape(&label_of(&alert.entity)),
            alert.window.end,
        );
    }
    page.push_str("</table>");
}

/// Names come from outside: none may become markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_outside_never_becomes_markup() {
        assert_eq!(
            escape("<a href='x'>&\""),
            "&lt;a href=&#39;x&#39;&gt;&amp;&quot;"
        );
    }

    #[test]
    fn an_empty_status_is_a_whole_page() {
        let page = render(&LiveStatus::default());
        assert!(
            page.starts_with("<!doctype html>")
                && page.contains("Nothing unusual")
                && page.trim_end().ends_with("</html>")
        );
    }
}
