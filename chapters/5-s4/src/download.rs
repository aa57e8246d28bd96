//! Files from the network, whole or not at all.
//!
//! [`fetch`] writes into `NAME.part` beside the file. A download that was cut off goes on where it stopped, if the server
//! knows how; only a part that is whole, and has the right SHA-256, gets the file's name. Whatever was there before stays
//! until then.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use thiserror::Error;
use ureq::Agent;
use ureq::http::Response;

/// A file somewhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remote<'a> {
    /// Where copies of it are, the best first.
    pub urls: &'a [String],
    /// How long it is, if that is known.
    pub bytes: Option<u64>,
    /// Its SHA-256 in hexadecimal digits, if that is known.
    pub sha256: Option<&'a str>,
}

/// What had to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// The file was there.
    WasThere,
    /// It was downloaded, all or the rest of it.
    Downloaded,
}

/// Why one copy of a file could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reason {
    /// The server has no such file, or does not want to give it.
    #[error("the server answered {0}")]
    Status(u16),
    /// No connection, or one that broke and did not come back.
    #[error("{0}")]
    Connection(String),
    /// The file ends too early.
    #[error("expected {expected} bytes, found {found}")]
    Length {
        /// As long as it should be.
        expected: u64,
        /// As long as it is.
        found: u64,
    },
    /// The file is another one.
    #[error("expected the SHA-256 {expected}, found {found}")]
    Checksum {
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
}

/// Why a file is not there.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// No copy could be had.
    #[error("cannot download {}: {}", path.display(), listed(failures))]
    Failed {
        /// Which file was to be written.
        path: PathBuf,
        /// Each copy's address and what was wrong with it.
        failures: Vec<(String, Reason)>,
    },
    /// Another program is downloading the same file.
    #[error("another program is downloading {}: wait until it is done", .0.display())]
    Busy(PathBuf),
    /// The disk does not take it.
    #[error("cannot write {}: {reason}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// Nowhere to put it.
    #[error("found no folder for downloads: set XDG_CACHE_HOME to one")]
    NoCache,
}

fn listed(failures: &[(String, Reason)]) -> String {
    let line = |(url, reason): &(String, Reason)| format!("{url}: {reason}");
    failures.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// The folder in which this course keeps what it downloads: in the user's folder for caches.
///
/// # Errors
/// [`DownloadError::NoCache`] where the environment names none.
pub fn cache_folder() -> Result<PathBuf, DownloadError> {
    let known = |name: &str, below: &str| {
        let value: OsString = env::var_os(name)?;
        let folder = PathBuf::from(value);
        folder.is_absolute().then(|| folder.join(below))
    };
    let usual = match env::consts::OS {
        "windows" => known("LOCALAPPDATA", ""),
        "macos" => known("HOME", "Library/Caches"),
        _ => known("HOME", ".cache"),
    };
    let folder = known("XDG_CACHE_HOME", "").or(usual).ok_or(DownloadError::NoCache)?;
    Ok(folder.join("state-space-course"))
}

/// Makes sure that a file is there, and is the right one.
///
/// A file of the right checksum is not asked for again (without a checksum: of the right length, or any). Shows a progress
/// bar where stderr is a terminal.
///
/// # Errors
/// [`DownloadError`]. The old file, if there is one, is untouched then, and what came of the new one is kept for the next
/// time, unless it is wrong.
pub fn fetch(remote: &Remote, path: &Path) -> Result<Fetched, DownloadError> {
    let unwritable = |error: io::Error| DownloadError::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    };
    if File::open(path).is_ok_and(|mut file| remote.check(&mut file).is_ok()) {
        return Ok(Fetched::WasThere);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut part_name = path.as_os_str().to_owned();
    part_name.push(".part");
    let part_path = PathBuf::from(part_name);
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let mut part = options.open(&part_path).map_err(unwritable)?;
    match part.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(DownloadError::Busy(path.to_owned())),
        // Not every file system has locks.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (Transfer { remote, bar: bar(&name), part: &mut part }).any_copy() {
        Ok(failures) if failures.is_empty() => {}
        Ok(failures) => return Err(DownloadError::Failed { path: path.to_owned(), failures }),
        Err(error) => return Err(unwritable(error)),
    }
    part.sync_all().and_then(|()| fs::rename(&part_path, path)).map_err(unwritable)?;
    Ok(Fetched::Downloaded)
}

impl Remote<'_> {
    /// Whether a file is this one.
    fn check(&self, file: &mut File) -> Result<(), Reason> {
        let broken = |error: io::Error| Reason::Connection(error.to_string());
        let found = file.seek(SeekFrom::End(0)).map_err(broken)?;
        if let Some(expected) = self.bytes.filter(|&expected| expected != found) {
            return Err(Reason::Length { expected, found });
        }
        let Some(expected) = self.sha256 else {
            return Ok(());
        };
        let found = sha256(file).map_err(broken)?;
        if found.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(Reason::Checksum { expected: expected.to_owned(), found })
    }
}

/// The SHA-256 of a whole file, in hexadecimal digits.
fn sha256(file: &mut File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "{msg} {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(name.to_owned());
    bar
}

/// What stopped one request.
enum Stop {
    /// Something about this copy; another request may help, or another copy.
    Copy(Reason),
    /// Something about the disk; nothing helps.
    Disk(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

struct Transfer<'a> {
    remote: &'a Remote<'a>,
    bar: ProgressBar,
    part: &'a mut File,
}

impl Transfer<'_> {
    /// Fills the part from the first copy that can be had; without one, says what was wrong with each.
    fn any_copy(mut self) -> io::Result<Vec<(String, Reason)>> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(Duration::from_secs(20)))
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_per_read(Some(Duration::from_secs(30)))
            .build()
            .into();
        let mut old_part = self.have()? > 0;
        let mut failures = Vec::new();
        for url in self.remote.urls {
            let reason = loop {
                let before = self.have()?;
                match self.request(&agent, url) {
                    Err(Stop::Disk(error)) => return Err(error),
                    // A connection that broke, but brought something: the next one will bring more.
                    Err(Stop::Copy(Reason::Connection(_))) if self.have()? > before => {}
                    Err(Stop::Copy(reason)) => break reason,
                    Ok(()) => match self.remote.check(self.part) {
                        Ok(()) => return Ok(Vec::new()),
                        Err(reason) => {
                            // Wrong all the same: nothing of it is worth keeping. But what was kept from another day
                            // may be to blame, and then this copy deserves another chance.
                            self.part.set_len(0)?;
                            if !std::mem::take(&mut old_part) {
                                break reason;
                            }
                        }
                    },
                }
            };
            failures.push((url.clone(), reason));
        }
        Ok(failures)
    }

    /// How much of the file is there.
    fn have(&mut self) -> io::Result<u64> {
        self.part.seek(SeekFrom::End(0))
    }

    /// Asks once for what is missing, and appends what comes.
    fn request(&mut self, agent: &Agent, url: &str) -> Result<(), Stop> {
        let broken = |reason: String| Stop::Copy(Reason::Connection(reason));
        let mut have = self.have()?;
        if have > 0 && self.remote.bytes == Some(have) {
            return Ok(());
        }
        let mut request = agent.get(url);
        if have > 0 {
            request = request.header("Range", format!("bytes={have}-"));
        }
        let mut response = request.call().map_err(|error| broken(error.to_string()))?;
        match response.status().as_u16() {
            206 if range_begin(&response) == Some(have) => {}
            // A server that knows no ranges sends the file from its beginning.
            200 => {
                self.part.set_len(0)?;
                have = self.have()?;
            }
            // There is nothing after the part: it is whole, or of another file.
            206 | 416 if have > 0 => {
                if self.remote.bytes.is_none() && range_total(&response) == Some(have) {
                    return Ok(());
                }
                self.part.set_len(0)?;
                return self.request(agent, url);
            }
            status => return Err(Stop::Copy(Reason::Status(status))),
        }
        let rest = response.body().content_length();
        let announced = rest.map(|rest| have + rest);
        if let (Some(expected), Some(found)) = (self.remote.bytes, announced)
            && expected != found
        {
            self.part.set_len(0)?;
            return Err(Stop::Copy(Reason::Length { expected, found }));
        }
        let total = self.remote.bytes.or(announced);
        self.bar.set_length(total.unwrap_or(0));
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            self.bar.set_position(have);
            // A file that is too long, although it did not say so, is wrong however it goes on.
            if total.is_some_and(|total| have > total) {
                return Ok(());
            }
            let read = body.read(&mut buffer).map_err(|error| broken(error.to_string()))?;
            if read == 0 {
                break;
            }
            self.part.write_all(&buffer[..read])?;
            have += read as u64;
        }
        match total.filter(|&total| have < total) {
            Some(total) => {
                Err(broken(format!("the connection ended after {have} of {total} bytes")))
            }
            None => Ok(()),
        }
    }
}

/// Where the range begins that a server sends.
fn range_begin<T>(response: &Response<T>) -> Option<u64> {
    let range = response.headers().get("Content-Range")?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// How long the whole file is, by a server that sends a range of it or none.
fn range_total<T>(response: &Response<T>) -> Option<u64> {
    let range = response.headers().get("Content-Range")?.to_str().ok()?;
    range.rsplit('/').next()?.parse().ok()
}
