//! Directories that send what no directory should: the program ends with an error and an exit code,
//! never by a signal.
#![cfg(test)]

mod support;

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use support::{config::Config, scimward::Scimward};

/// A server that answers whatever it is asked first with `answer`, and then closes. Serves as many
/// connections as the program opens before it gives up.
fn answering(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            // The program may hang up at any time; that is its right.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(&answer);
        }
    });
    url
}

/// `depth` sequences inside each other, as one message.
fn nested(depth: usize) -> Vec<u8> {
    let mut message = Vec::with_capacity(depth * 6);
    for level in (0..depth).rev() {
        let inner = u32::try_from(level * 6).unwrap();
        message.extend_from_slice(&[0x30, 0x84]);
        message.extend_from_slice(&inner.to_be_bytes());
    }
    message
}

#[test]
fn hostile_answers_are_errors_of_the_directory() {
    let answers = [
        ("nested two hundred thousand deep", nested(200_000)),
        ("not BER at all", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        (
            "a length that never ends",
            vec![0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ),
        (
            "an inner length beyond its parent",
            vec![0x30, 0x05, 0x02, 0x20, 0x01, 0x61, 0x00],
        ),
        ("a message without an operation", vec![0x30, 0x03, 0x02, 0x01, 0x01]),
        ("an empty message", vec![0x30, 0x00]),
        (
            "a bind response of rubbish",
            vec![0x30, 0x08, 0x02, 0x01, 0x01, 0x61, 0x03, 0xff, 0xff, 0xff],
        ),
    ];
    for (what, answer) in answers {
        let config = Config::new(&answering(answer), "http://127.0.0.1:9/scim/v2/")
            .set("ldap", "bind_timeout", "2")
            .set("ldap", "read_timeout", "2");
        let run = Scimward::new(&config).args(&["--dry-run"]).run();
        println!("{what}: {}", run.everything());
        drop(run.expect(3));
    }
}
