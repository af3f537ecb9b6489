use super::nab_archive::*;

fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; BLOCK];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    let size = format!("{:011o}", content.len());
    bytes[124..135].copy_from_slice(size.as_bytes());
    bytes[156] = kind;
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    bytes
}

#[test]
fn plain_files_come_with_their_content_and_directories_do_not() {
    let mut archive = entry("data/", b'5', b"");
    archive.extend(entry("data/one.csv", b'0', &[b'x'; 513]));
    archive.extend(entry("two", 0, b""));
    archive.extend([0; 2 * BLOCK]);
    let found = files(&archive).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|(name, of)| (name.as_str(), of.len()))
        .collect();
    assert_eq!(found, [("data/one.csv", 513), ("two", 0)]);
}

#[test]
fn an_archive_cut_short_says_so() {
    let archive = entry("one", b'0', &[1; 600]);
    let fault = files(&archive[..BLOCK + 100]).unwrap_err();
    assert!(fault.contains("one"), "{fault}");
    assert_eq!(files(&[]).unwrap(), []);
}
