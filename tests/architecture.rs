//! Imports run one way. A layer names only layers below it; `ARCHITECTURE.md` says why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What each module may import. What is not listed may import nothing of the project.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("limits", &[]),
    ("domain", &["limits"]),
    ("saved", &[]),
    ("statistics", &[]),
    ("measure", &["domain", "limits", "saved"]),
    ("detection", &["domain", "measure"]),
    ("decode", &["domain", "limits"]),
    (
        "observe",
        &["domain", "limits", "measure", "detection", "decode"],
    ),
    (
        "parcel",
        &[
            "domain",
            "limits",
            "saved",
            "measure",
            "detection",
            "observe",
        ],
    ),
    (
        "score",
        &[
            "domain",
            "limits",
            "saved",
            "measure",
            "statistics",
            "detection",
            "observe",
            "parcel",
        ],
    ),
    (
        "alert",
        &["domain", "limits", "statistics", "detection", "score"],
    ),
    (
        "engine",
        &[
            "domain",
            "limits",
            "detection",
            "decode",
            "observe",
            "parcel",
            "score",
            "alert",
        ],
    ),
    (
        "config",
        &[
            "domain",
            "limits",
            "measure",
            "detection",
            "decode",
            "observe",
            "score",
            "alert",
            "engine",
        ],
    ),
    ("snapshot", &["domain"]),
    ("simulate", &["domain"]),
    ("evaluate", &["domain", "limits", "statistics"]),
    (
        "sink",
        &[
            "domain",
            "limits",
            "detection",
            "decode",
            "score",
            "alert",
            "engine",
        ],
    ),
    (
        "source",
        &[
            "domain", "limits", "decode", "observe", "engine", "config", "sink",
        ],
    ),
    (
        "cluster",
        &[
            "domain", "observe", "score", "engine", "config", "snapshot", "sink", "source",
        ],
    ),
    (
        "daemon",
        &[
            "domain", "limits", "observe", "engine", "config", "snapshot", "sink", "source",
            "cluster",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "limits",
            "detection",
            "decode",
            "observe",
            "score",
            "alert",
            "engine",
            "config",
            "simulate",
            "evaluate",
            "snapshot",
            "sink",
            "source",
            "cluster",
            "daemon",
        ],
    ),
];

/// Modules that are steps of the event's way: no clock, no files, no network, no threads.
const PURE: &[&str] = &[
    "limits",
    "domain",
    "statistics",
    "measure",
    "detection",
    "decode",
    "observe",
    "parcel",
    "score",
    "alert",
    "simulate",
    "evaluate",
];

/// Words that a pure module must not say.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::io::",
    "std::thread",
    "SystemTime",
    "Instant",
    "tokio",
    "rdkafka",
    "tracing",
    "async fn",
];

fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let module = inside.components().next().unwrap().as_os_str();
                let module = module.to_string_lossy().trim_end_matches(".rs").to_owned();
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((module, path, text));
            }
        }
    }
    found
}

/// The part of a file that is not tests, without comments.
fn code(text: &str) -> String {
    let until = text.find("#[cfg(test)]").unwrap_or(text.len());
    text[..until]
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_name().is_some_and(|name| name == "tests.rs")
}

/// The modules that a text names as `crate::module`.
fn imports(text: &str) -> BTreeSet<&str> {
    text.match_indices("crate::")
        .map(|(at, word)| {
            let rest = &text[at + word.len()..];
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            &rest[..end]
        })
        .collect()
}

#[test]
fn every_module_has_its_place() {
    let known: BTreeSet<&str> = MAY_IMPORT.iter().map(|(module, _)| *module).collect();
    let there: BTreeSet<String> = sources()
        .into_iter()
        .map(|(module, _, _)| module)
        .filter(|module| module != "lib" && module != "main")
        .collect();
    let there: BTreeSet<&str> = there.iter().map(String::as_str).collect();
    assert_eq!(known, there);
}

#[test]
fn imports_run_one_way() {
    let may: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut faults = Vec::new();
    for (module, path, text) in sources() {
        let Some(allowed) = may.get(module.as_str()) else {
            continue;
        };
        if is_test(&path) {
            continue;
        }
        for import in imports(&code(&text)) {
            if import != module && !allowed.contains(&import) {
                faults.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    // The order itself has no way back.
    for (position, (module, allowed)) in MAY_IMPORT.iter().enumerate() {
        for import in *allowed {
            let below = MAY_IMPORT[..position]
                .iter()
                .any(|(name, _)| name == import);
            assert!(below, "{module} stands before {import}");
        }
    }
}

#[test]
fn the_stages_are_pure() {
    let mut faults = Vec::new();
    for (module, path, text) in sources() {
        if !PURE.contains(&module.as_str()) || is_test(&path) {
            continue;
        }
        let code = code(&text);
        for word in IMPURE.iter().filter(|word| code.contains(**word)) {
            faults.push(format!("{} says {word}", path.display()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
