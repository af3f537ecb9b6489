//! `${VAR}`, `${VAR:-default}` and `${file:PATH}` inside a value.

use std::path::Path;

/// Replaces what stands in `${...}`.
///
/// # Errors
/// A sentence naming the variable that is not set, or the file that cannot be read.
pub(super) fn substitute(text: &str, directory: &Path) -> Result<String, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some(open) = rest.find("${") {
        result.push_str(&rest[..open]);
        let inside = &rest[open + 2..];
        let close = inside
            .find('}')
            .ok_or_else(|| format!("`${{` is not closed in `{text}`"))?;
        result.push_str(&value_of(&inside[..close], directory)?);
        rest = &inside[close + 1..];
    }
    result.push_str(rest);
    Ok(result)
}

fn value_of(name: &str, directory: &Path) -> Result<String, String> {
    if let Some(path) = name.strip_prefix("file:") {
        let path = directory.join(path);
        return std::fs::read_to_string(&path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| format!("{}: {error}", path.display()));
    }
    let (name, default) = match name.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (name, None),
    };
    match (std::env::var(name), default) {
        (Ok(value), _) if !value.is_empty() || default.is_none() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (_, None) => Err(format!(
            "the environment variable `{name}` is not set; set it, or write ${{{name}:-default}}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_defaults_and_files_are_put_in() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("secret"), "hush\n").unwrap();
        let put = |text| substitute(text, directory.path());
        assert_eq!(put("a ${VIGIE_NO_SUCH:-b} c").unwrap(), "a b c");
        assert_eq!(put("<${file:secret}>").unwrap(), "<hush>");
        assert_eq!(put("plain $5 {x}").unwrap(), "plain $5 {x}");
        assert!(
            put("${VIGIE_NO_SUCH}")
                .unwrap_err()
                .contains("VIGIE_NO_SUCH")
        );
        assert!(put("${file:absent}").unwrap_err().contains("absent"));
        assert!(put("${VIGIE").unwrap_err().contains("not closed"));
        assert!(put("${PATH}").is_ok_and(|path| !path.is_empty()));
    }
}
