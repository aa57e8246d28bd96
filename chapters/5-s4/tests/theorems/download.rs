//! Downloads from a small server of our own: whole, cut off, wrong, refused.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;

use s4::digits::fetch_all;
use s4::download::{DownloadError, Fetched, Reason, Remote, fetch};
use tempfile::TempDir;

/// How a server answers a request.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// With what was asked for.
    Whole,
    /// With what was asked for, but the connection ends after so many bytes.
    CutAfter(usize),
    /// With the whole file, whatever range was asked for.
    NoRanges,
    /// With an error.
    Status(u16),
    /// With a range that begins elsewhere.
    WrongRange,
}

/// A server that answers its requests in these manners, one after the other and the last for ever, and keeps the ranges it
/// was asked for (`-` for none).
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn of(file: &[u8], manners: &[Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/file", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (file, manners, log) = (file.to_vec(), manners.to_vec(), Arc::clone(&asked));
        thread::spawn(move || {
            for (stream, number) in listener.incoming().zip(0..) {
                let manner = manners[usize::min(number, manners.len() - 1)];
                // A client that leaves early is none of the server's business.
                let _ = stream.and_then(|stream| answer(stream, &file, manner, &log));
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(
    stream: TcpStream,
    file: &[u8],
    manner: Manner,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut range = None;
    for line in BufReader::new(&stream).lines() {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        let begin = line.strip_prefix("range: bytes=").and_then(|range| range.strip_suffix('-'));
        range = range.or(begin.map(|begin| begin.parse::<usize>().unwrap()));
    }
    log.lock().unwrap().push(range.map_or("-".to_owned(), |begin| begin.to_string()));
    let range = range.filter(|_| !matches!(manner, Manner::NoRanges));
    let length = file.len();
    let (status, mut body, extra) = match (manner, range) {
        (Manner::Status(status), _) => (status, &b"no"[..], String::new()),
        (Manner::WrongRange, Some(_)) => {
            (206, file, format!("Content-Range: bytes 0-{}/{length}\r\n", length - 1))
        }
        (_, Some(begin)) if begin >= length => {
            (416, &[][..], format!("Content-Range: bytes */{length}\r\n"))
        }
        (_, Some(begin)) => (
            206,
            &file[begin..],
            format!("Content-Range: bytes {begin}-{}/{length}\r\n", length - 1),
        ),
        (_, None) => (200, file, String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n{extra}Connection: close\r\n\r\n",
        body.len()
    );
    if let Manner::CutAfter(bytes) = manner {
        body = &body[..bytes.min(body.len())];
    }
    (&stream).write_all(head.as_bytes())?;
    (&stream).write_all(body)
}

/// A file of some length.
fn contents(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * i / 7 + i) as u8).collect()
}

const LENGTH: usize = 300_000;
/// The SHA-256 of `contents(LENGTH)`, by another program.
const SHA256: &str = "54a8b3c2ed10f3f595ce0e3e19dec26fb210f172f3f5b720ba537ae4fa92a572";

struct Target {
    _folder: TempDir,
    path: PathBuf,
    part: PathBuf,
}

fn target() -> Target {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("below").join("file.gz");
    let part = folder.path().join("below").join("file.gz.part");
    fs::create_dir(path.parent().unwrap()).unwrap();
    Target { _folder: folder, path, part }
}

fn get(servers: &[&Server], target: &Target) -> Result<Fetched, DownloadError> {
    let urls: Vec<String> = servers.iter().map(|server| server.url.clone()).collect();
    let remote = Remote { urls: &urls, bytes: Some(LENGTH as u64), sha256: Some(SHA256) };
    fetch(&remote, &target.path)
}

fn reasons(result: Result<Fetched, DownloadError>) -> Vec<Reason> {
    match result {
        Err(DownloadError::Failed { failures, .. }) => {
            failures.into_iter().map(|(_, reason)| reason).collect()
        }
        other => panic!("expected failures, found {other:?}"),
    }
}

#[test]
fn a_file_comes_whole_and_is_not_asked_for_twice() {
    let server = Server::of(&contents(LENGTH), &[Manner::Whole]);
    let target = target();
    assert_eq!(get(&[&server], &target).unwrap(), Fetched::Downloaded);
    assert_eq!(fs::read(&target.path).unwrap(), contents(LENGTH));
    assert!(!target.part.exists());
    assert_eq!(get(&[&server], &target).unwrap(), Fetched::WasThere);
    assert_eq!(server.asked(), ["-"]);
}

#[test]
fn a_download_that_is_cut_off_goes_on_where_it_stopped() {
    let file = contents(LENGTH);
    let cut =
        Server::of(&file, &[Manner::CutAfter(100_000), Manner::CutAfter(50_000), Manner::Whole]);
    let here = target();
    assert_eq!(get(&[&cut], &here).unwrap(), Fetched::Downloaded);
    assert_eq!(fs::read(&here.path).unwrap(), file);
    assert_eq!(cut.asked(), ["-", "100000", "150000"]);

    // The program itself was cut off; another server has the rest.
    let other = target();
    fs::write(&other.part, &file[..123_456]).unwrap();
    let (gone, there) =
        (Server::of(&file, &[Manner::Status(503)]), Server::of(&file, &[Manner::Whole]));
    assert_eq!(get(&[&gone, &there], &other).unwrap(), Fetched::Downloaded);
    assert_eq!(fs::read(&other.path).unwrap(), file);
    assert_eq!(
        (gone.asked(), there.asked()),
        (vec!["123456".to_owned()], vec!["123456".to_owned()])
    );
}

#[test]
fn a_connection_that_brings_nothing_is_given_up_and_its_part_kept() {
    let file = contents(LENGTH);
    let server = Server::of(&file, &[Manner::CutAfter(1000), Manner::CutAfter(0)]);
    let target = target();
    let reasons = reasons(get(&[&server], &target));
    assert!(matches!(&reasons[..], [Reason::Connection(_)]), "{reasons:?}");
    assert_eq!(server.asked(), ["-", "1000"]);
    assert_eq!(fs::read(&target.part).unwrap(), file[..1000]);
    assert!(!target.path.exists());
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let file = contents(LENGTH);
    for manner in [Manner::NoRanges, Manner::WrongRange] {
        let server = Server::of(&file, &[manner]);
        let target = target();
        fs::write(&target.part, &file[..5000]).unwrap();
        assert_eq!(get(&[&server], &target).unwrap(), Fetched::Downloaded, "{manner:?}");
        assert_eq!(fs::read(&target.path).unwrap(), file);
    }
}

#[test]
fn a_part_of_another_file_is_thrown_away() {
    let file = contents(LENGTH);
    for part in [vec![7; 5000], vec![7; LENGTH], vec![7; LENGTH + 1]] {
        let server = Server::of(&file, &[Manner::Whole]);
        let target = target();
        fs::write(&target.part, &part).unwrap();
        assert_eq!(get(&[&server], &target).unwrap(), Fetched::Downloaded, "{}", part.len());
        assert_eq!(fs::read(&target.path).unwrap(), file);
        assert_eq!(server.asked().last().unwrap(), "-");
    }
    // A part that is whole needs no server.
    let target = target();
    fs::write(&target.part, &file).unwrap();
    assert_eq!(
        get(&[&Server::of(&file, &[Manner::Status(500)])], &target).unwrap(),
        Fetched::Downloaded
    );
}

#[test]
fn a_wrong_checksum_is_an_error_that_names_the_file_and_touches_nothing() {
    let mut wrong = contents(LENGTH);
    wrong[LENGTH / 2] ^= 1;
    let server = Server::of(&wrong, &[Manner::Whole]);
    let target = target();
    fs::write(&target.path, b"an older version").unwrap();
    let error = get(&[&server], &target).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot download ") && error.contains("file.gz: http://127.0.0.1"),
        "{error}"
    );
    assert!(error.contains(&format!("expected the SHA-256 {SHA256}, found ")), "{error}");
    assert_eq!(fs::read(&target.path).unwrap(), b"an older version");
    assert_eq!(fs::metadata(&target.part).unwrap().len(), 0);
    // The next copy is the right one, and replaces it.
    let good = Server::of(&contents(LENGTH), &[Manner::Whole]);
    assert_eq!(get(&[&server, &good], &target).unwrap(), Fetched::Downloaded);
    assert_eq!(fs::read(&target.path).unwrap(), contents(LENGTH));
}

#[test]
fn a_file_of_another_length_is_refused() {
    let target = target();
    let page = b"<html>sign in first</html>";
    for (other, found) in [(&page[..], 26), (&contents(LENGTH + 200_000)[..], 500_000)] {
        let server = Server::of(other, &[Manner::Whole]);
        let reasons = reasons(get(&[&server], &target));
        assert_eq!(reasons, [Reason::Length { expected: LENGTH as u64, found }]);
        assert_eq!(fs::metadata(&target.part).unwrap().len(), 0);
    }
    assert!(!target.path.exists());
}

#[test]
fn refusals_of_all_copies_are_told() {
    let target = target();
    let servers = [404, 403].map(|status| Server::of(&[], &[Manner::Status(status)]));
    let error = get(&[&servers[0], &servers[1]], &target).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("the server answered 404; http://")
            && said.ends_with("the server answered 403"),
        "{said}"
    );
    assert_eq!(reasons(Err(error)), [Reason::Status(404), Reason::Status(403)]);
    assert!(!target.path.exists());
}

#[test]
fn without_a_network_there_is_a_sentence() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let urls = [format!("http://{free}/file"), "http://no-such-host.invalid/file".to_owned()];
    let target = target();
    let remote = Remote { urls: &urls, bytes: Some(10), sha256: Some(SHA256) };
    let reasons = reasons(fetch(&remote, &target.path));
    assert!(matches!(&reasons[..], [Reason::Connection(_), Reason::Connection(_)]), "{reasons:?}");
}

#[test]
fn a_server_that_cannot_prove_who_it_is_is_refused() {
    // Ours speaks no TLS at all: the handshake begins, and fails in words.
    let server = Server::of(&contents(LENGTH), &[Manner::Whole]);
    let target = target();
    let urls = [server.url.replace("http:", "https:")];
    let reasons = reasons(fetch(&Remote { urls: &urls, bytes: None, sha256: None }, &target.path));
    assert!(matches!(&reasons[..], [Reason::Connection(_)]), "{reasons:?}");
    assert!(!target.path.exists());
}

#[test]
fn without_checksum_and_length_any_whole_file_will_do() {
    let file = contents(LENGTH);
    let server = Server::of(&file, &[Manner::CutAfter(100_000), Manner::Whole]);
    let target = target();
    let urls = [server.url.clone()];
    let remote = Remote { urls: &urls, bytes: None, sha256: None };
    assert_eq!(fetch(&remote, &target.path).unwrap(), Fetched::Downloaded);
    assert_eq!(fs::read(&target.path).unwrap(), file);
    assert_eq!(fetch(&remote, &target.path).unwrap(), Fetched::WasThere);
    // The part of a program that was cut off after the last byte.
    fs::remove_file(&target.path).unwrap();
    fs::write(&target.part, &file).unwrap();
    assert_eq!(fetch(&remote, &target.path).unwrap(), Fetched::Downloaded);
    assert_eq!(fs::read(&target.path).unwrap(), file);
}

#[test]
fn one_file_is_downloaded_by_one_program_at_a_time() {
    let server = Server::of(&contents(LENGTH), &[Manner::Whole]);
    let target = target();
    let other = File::create(&target.part).unwrap();
    other.lock().unwrap();
    let said = get(&[&server], &target).unwrap_err().to_string();
    assert!(
        said.starts_with("another program is downloading ") && said.contains("file.gz"),
        "{said}"
    );
    assert!(server.asked().is_empty());
    drop(other);
    assert_eq!(get(&[&server], &target).unwrap(), Fetched::Downloaded);
}

#[test]
fn what_cannot_be_written_is_said() {
    let server = Server::of(&contents(LENGTH), &[Manner::Whole]);
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("a file");
    fs::write(&in_the_way, b"x").unwrap();
    let urls = [server.url.clone()];
    let remote = Remote { urls: &urls, bytes: None, sha256: None };
    let said = fetch(&remote, &in_the_way.join("file.gz")).unwrap_err().to_string();
    assert!(said.starts_with("cannot write ") && said.contains("a file"), "{said}");
}

#[test]
fn the_files_of_a_set_come_from_the_first_mirror_that_has_them() {
    let file = contents(LENGTH);
    let (gone, there) =
        (Server::of(&file, &[Manner::Status(404)]), Server::of(&file, &[Manner::Whole]));
    let folder = tempfile::tempdir().unwrap();
    let files = [("one.gz", LENGTH as u64, SHA256), ("two.gz", LENGTH as u64, SHA256)];
    fetch_all(&files, &[&gone.url, &there.url], folder.path()).unwrap();
    assert_eq!((gone.asked().len(), there.asked().len()), (2, 2));
    for name in ["one.gz", "two.gz"] {
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), file);
    }
}
