//! Splits a byte stream into WebSocket frames without changing the frames.

/// A buffer that collects received bytes until a WebSocket frame is complete.
#[derive(Debug, Default)]
pub struct Frames(Vec<u8>);

impl Frames {
    pub fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Returns the next complete WebSocket frame, including its header.
    pub fn next(&mut self) -> Option<Vec<u8>> {
        let (header, payload) = measure(&self.0)?;
        let length = header + payload;
        (self.0.len() >= length).then(|| self.0.drain(..length).collect())
    }
}

/// Returns whether a WebSocket frame contains a complete text message.
pub fn is_text(frame: &[u8]) -> bool {
    frame.first() == Some(&0x81)
}

/// Returns the text of a WebSocket frame that has no mask. WebSocket servers send frames without a mask.
pub fn text(frame: &[u8]) -> Option<String> {
    let (header, _) = measure(frame).filter(|_| is_text(frame) && frame[1] & 0x80 == 0)?;
    String::from_utf8(frame[header..].to_vec()).ok()
}

/// Returns the lengths of a frame's header and payload. Returns `None` if the frame's header is incomplete.
fn measure(bytes: &[u8]) -> Option<(usize, usize)> {
    let second = *bytes.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (header, payload) = match second & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    Some((header + mask, usize::try_from(payload).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_the_bytes_arrive() {
        let short = b"\x81\x02hi".to_vec();
        let masked = b"\x81\x82abcd\x09\x0b".to_vec();
        let mut long = b"\x81\x7e\x01\x00".to_vec();
        long.extend([b'x'; 256]);
        let stream = [short.clone(), masked.clone(), long.clone()].concat();
        let (mut frames, mut found) = (Frames::default(), Vec::new());
        for byte in stream {
            frames.push(&[byte]);
            found.extend(frames.next());
        }
        assert_eq!(found, [short.clone(), masked.clone(), long.clone()]);
        assert_eq!((text(&short).as_deref(), text(&masked)), (Some("hi"), None));
        assert_eq!(text(&long).map(|text| text.len()), Some(256));
    }
}
