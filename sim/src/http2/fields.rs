//! Field blocks (RFC 7541), as far as needed to identify requests and to answer them.

/// Returns the number in the path of a request.
///
/// The rest of the block is skipped without looking up names in the dynamic table.
pub(super) fn request_id(block: &[u8]) -> Result<u32, String> {
    let mut rest = block;
    let mut id = None;
    while let Some(&first) = rest.first() {
        let bits = match first {
            0x80.. => 7,
            0x40.. => 6,
            0x20.. => 5,
            _ => 4,
        };
        let index = integer(&mut rest, bits)?;
        if first >= 0x80 || (0x20..0x40).contains(&first) {
            // An indexed field, or a size update of the table.
            continue;
        }
        if index == 0 {
            string(&mut rest)?;
        }
        let (value, is_huffman) = string(&mut rest)?;
        if index == PATH || index == PATH + 1 {
            if id.is_some() {
                return Err("there are two paths".to_owned());
            }
            let path = if is_huffman { path(value)? } else { String::from_utf8_lossy(value).into_owned() };
            id = path.strip_prefix('/').and_then(|number| number.parse().ok());
        }
    }
    id.ok_or_else(|| "the path has no number".to_owned())
}

fn integer(rest: &mut &[u8], bits: u32) -> Result<usize, String> {
    let most = (1_usize << bits) - 1;
    let mut value = usize::from(byte(rest)?) & most;
    if value == most {
        for shift in (0..28).step_by(7) {
            let next = byte(rest)?;
            value += usize::from(next & 0x7f) << shift;
            if next < 0x80 {
                break;
            }
        }
    }
    Ok(value)
}

fn string<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], bool), String> {
    let is_huffman = rest.first().is_some_and(|first| *first >= 0x80);
    let len = integer(rest, 7)?;
    let (value, after) = rest.split_at_checked(len).ok_or("a field block is cut off")?;
    *rest = after;
    Ok((value, is_huffman))
}

fn byte(rest: &mut &[u8]) -> Result<u8, String> {
    let (&first, after) = rest.split_first().ok_or("a field block is cut off")?;
    *rest = after;
    Ok(first)
}

/// Decodes a path of digits (RFC 7541, appendix B). The last byte is padded with ones.
fn path(huffman: &[u8]) -> Result<String, String> {
    let bits = huffman.iter().flat_map(|byte| (0..8).rev().map(move |at| u32::from(byte >> at & 1)));
    let (mut text, mut code, mut len) = (String::new(), 0, 0);
    for bit in bits {
        (code, len) = (code << 1 | bit, len + 1);
        let found = match (len, code) {
            (5, 0..=2) => Some(b'0' + code as u8),
            (6, 0x18) => Some(b'/'),
            (6, 0x19..=0x1f) => Some(b'3' + (code - 0x19) as u8),
            (8.., _) => return Err("the path has something but digits".to_owned()),
            _ => None,
        };
        if let Some(found) = found {
            text.push(found.into());
            (code, len) = (0, 0);
        }
    }
    Ok(text)
}

/// Encodes the fields of a response to request `whose`.
pub(super) fn response(status: u16, whose: &str, length: Option<u32>) -> Vec<u8> {
    let mut block = informational(status);
    literal(&mut block, "x-id", whose);
    if let Some(length) = length {
        literal(&mut block, "content-length", &length.to_string());
    }
    block
}

pub(super) fn informational(status: u16) -> Vec<u8> {
    let mut block = Vec::new();
    literal(&mut block, ":status", &status.to_string());
    block
}

pub(super) fn trailers() -> Vec<u8> {
    let mut block = Vec::new();
    literal(&mut block, "x-trailer", "here");
    block
}

/// Encodes a literal field without indexing. Name and value are short.
fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        block.push(text.len() as u8);
        block.extend_from_slice(text.as_bytes());
    }
}

/// `:path` in the static table, with two values.
const PATH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_found_among_indexed_and_literal_fields() {
        // Once as plain text, and once in the Huffman code after a size update of the table.
        assert_eq!(request_id(b"\x82\x86\x41\x01a\x04\x03/42\x88"), Ok(42));
        assert_eq!(request_id(b"\x3f\xe1\x1f\x82\x04\x83\x61\x90\x7f\x40\x01x\x01y"), Ok(30));
        assert!(request_id(b"\x82\x86").is_err());
        assert!(request_id(b"\x04\x05/1").is_err());
    }
}
