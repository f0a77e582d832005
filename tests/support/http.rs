//! Just enough HTTP/1.1 (RFC 9112) for a recorder and a plain client: whole messages in memory.

use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;

use super::PATIENCE;

/// A request or a response: its first line, its headers, its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Without its line end.
    pub start: String,
    /// Name as written, value.
    pub headers: Vec<(String, String)>,
    /// Decoded when it came in chunks.
    pub body: Vec<u8>,
}

impl Message {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Method and target of a request.
    pub fn request_line(&self) -> (String, String) {
        let mut words = self.start.split(' ').map(str::to_owned);
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        self.start
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0)
    }

    /// The body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Reads a message; nothing when the other side closed before the first byte.
    pub fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut message = Self {
            start: read_line(stream)?,
            ..Self::default()
        };
        if message.start.is_empty() {
            return Ok(None);
        }
        loop {
            let line = read_line(stream)?;
            match line.split_once(':') {
                Some((name, value)) => message.headers.push((name.to_owned(), value.trim().to_owned())),
                None if line.is_empty() => break,
                None => return Err(io::Error::other(format!("not a header: {line}"))),
            }
        }
        message.body = message.read_body(stream)?;
        Ok(Some(message))
    }

    fn read_body(&self, stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if self
            .header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
        {
            loop {
                let line = read_line(stream)?;
                let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                    .map_err(io::Error::other)?;
                let start = body.len();
                body.resize(start + size, 0);
                stream.read_exact(&mut body[start..])?;
                read_line(stream)?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        if let Some(length) = self.header("content-length") {
            body.resize(length.parse().map_err(io::Error::other)?, 0);
            stream.read_exact(&mut body)?;
        } else if self.start.starts_with("HTTP/") && !matches!(self.status(), 100..=199 | 204 | 304) {
            stream.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    /// Writes the message with a `Content-Length` and the `Connection` header given.
    pub fn write(&self, stream: &mut TcpStream, connection: &str) -> io::Result<()> {
        let mut head = format!("{}\r\n", self.start);
        let ours = ["content-length", "transfer-encoding", "connection", "keep-alive"];
        for (name, value) in &self.headers {
            if !ours.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                write!(head, "{name}: {value}\r\n").map_err(io::Error::other)?;
            }
        }
        if !matches!(self.status(), 100..=199 | 204 | 304) {
            write!(head, "Content-Length: {}\r\n", self.body.len()).map_err(io::Error::other)?;
        }
        write!(head, "Connection: {connection}\r\n\r\n").map_err(io::Error::other)?;
        stream.write_all(&[head.as_bytes(), &self.body].concat())
    }
}

/// Sends one request over a connection of its own.
pub fn exchange(server: SocketAddr, request: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    request.write(&mut stream, "close")?;
    Message::read(&mut BufReader::new(stream))?.ok_or_else(|| io::Error::other("no answer"))
}

fn read_line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    // A header line of more than 64 KiB is nothing that belongs in a test.
    stream.by_ref().take(64 * 1024).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
