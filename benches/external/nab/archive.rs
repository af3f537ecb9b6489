//! Files of a tar archive that lies in memory.
//!
//! Plain files of POSIX ustar (a header of 512 bytes, then the content in blocks of 512); what else
//! an archive can hold is passed over.

pub(crate) const BLOCK: usize = 512;

/// Name and content of every plain file, in the order of the archive.
///
/// # Errors
/// A sentence where it ends too early, or a size is no number.
pub(crate) fn files(archive: &[u8]) -> Result<Vec<(String, &[u8])>, String> {
    let mut files = Vec::new();
    let mut rest = archive;
    // Two empty blocks end it, or its end does.
    while rest.len() >= BLOCK && rest[0] != 0 {
        let (header, content) = rest.split_at(BLOCK);
        let name = [text(&header[345..500]), text(&header[..100])]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
        let size = usize::from_str_radix(text(&header[124..136]).trim(), 8)
            .map_err(|_| format!("{name}: its size is no number"))?;
        let whole = size.div_ceil(BLOCK) * BLOCK;
        if content.len() < whole {
            return Err(format!("{name}: the archive ends before it does"));
        }
        if matches!(header[156], b'0' | 0) {
            files.push((name, &content[..size]));
        }
        rest = &content[whole..];
    }
    Ok(files)
}

/// Up to the first zero.
fn text(field: &[u8]) -> String {
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}
