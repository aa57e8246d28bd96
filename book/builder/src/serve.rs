//! `cargo book`: the built book at a local address, rebuilt and reloaded when a source of it changes.

use std::fs::File;
use std::io::Cursor;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use notify::{RecursiveMode, Watcher};
use tiny_http::{Header, Request, Response, Server};

/// Asked for by each open page; answers with the number of the newest build.
const VERSION: &str = "/.book-version";

/// What a served page gets before `</body>`: reload when the number of the newest build has changed.
const RELOAD: &str = r#"<script>
(() => {
    let seen = null;
    setInterval(async () => {
        try {
            const now = await (await fetch("/.book-version", { cache: "no-store" })).text();
            if (seen !== null && now !== seen) location.reload();
            seen = now;
        } catch { /* the server is gone: keep the page */ }
    }, 800);
})();
</script>
</body>"#;

/// Builds the book, serves it at `http://HOST:PORT` and rebuilds it whenever a source changes. Never returns
/// while the server lives.
///
/// # Errors
/// When the first build fails, the address is taken, or the sources cannot be watched.
pub fn serve(root: &Path, host: &str, port: u16, open: bool) -> Result<()> {
    crate::build(root)?;
    let server = Server::http((host, port))
        .map_err(|error| anyhow!("cannot listen on {host}:{port}: {error}"))?;
    let port = server.server_addr().to_ip().map_or(port, |address| address.port());
    let address = format!("http://{host}:{port}");
    println!("The book is at {address} (stop with Ctrl-C)");
    if open && opener::open_browser(&address).is_err() {
        println!("No browser found to open it with.");
    }

    let version = Arc::new(AtomicU64::new(0));
    let (sender, changes) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if let Ok(event) = event
            && !event.kind.is_access()
            && event.paths.iter().any(|path| is_source(path))
        {
            // The receiver lives as long as the server; a failed send is the end of both.
            let _ = sender.send(());
        }
    })?;
    for folder in
        ["book.toml", "book/src", "book/theme", "book/figures/drawn", "chapters", "translations"]
    {
        let path = root.join(folder);
        watcher
            .watch(&path, RecursiveMode::Recursive)
            .with_context(|| format!("cannot watch {}", path.display()))?;
    }

    let destination = crate::destination(root);
    let served = Arc::clone(&version);
    thread::spawn(move || {
        for request in server.incoming_requests() {
            // A reader who closes the page before it is sent is no error of the server.
            let _ = answer(request, &destination, &served);
        }
    });
    while changes.recv().is_ok() {
        // Editors write a file in several steps: wait until they are done.
        while changes.recv_timeout(Duration::from_millis(150)).is_ok() {}
        match crate::build(root) {
            Ok(()) => {
                version.fetch_add(1, Ordering::SeqCst);
                println!("Rebuilt.");
            }
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
    Ok(())
}

/// Whether a changed file can change a page: not a target folder's, not an editor's temporary one.
fn is_source(path: &Path) -> bool {
    let known = ["md", "rs", "toml", "txt", "svg", "css", "js", "hbs", "po", "json", "csv"];
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| known.contains(&extension))
        && !path.components().any(|part| part.as_os_str() == "target")
}

/// Answers one request from the built book.
fn answer(request: Request, folder: &Path, version: &AtomicU64) -> std::io::Result<()> {
    let url = request.url().split(['?', '#']).next().unwrap_or("/").to_owned();
    if url == VERSION {
        return request.respond(Response::from_string(version.load(Ordering::SeqCst).to_string()));
    }
    let Some(path) = file_for(&url, folder) else {
        return request.respond(Response::from_string("not found").with_status_code(404));
    };
    let kind = content_type(&path);
    if kind.starts_with("text/html") {
        let html = std::fs::read_to_string(&path)?.replace("</body>", RELOAD);
        return request.respond(Response::from_string(html).with_header(header(kind)));
    }
    match File::open(&path) {
        Ok(file) => request.respond(Response::from_file(file).with_header(header(kind))),
        Err(_) => request.respond(
            Response::from_data(Vec::new())
                .with_status_code(404)
                .with_data(Cursor::new(Vec::new()), Some(0)),
        ),
    }
}

/// The file behind a URL, or `None` when there is none or the URL leads out of the folder.
fn file_for(url: &str, folder: &Path) -> Option<PathBuf> {
    let decoded = decode(url)?;
    let relative = Path::new(decoded.trim_start_matches('/'));
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let path = folder.join(relative);
    let path = if path.is_dir() { path.join("index.html") } else { path };
    path.is_file().then_some(path)
}

/// Undoes the percent-encoding of a URL's path.
fn decode(url: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(url.len());
    let mut rest = url.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

fn header(kind: &str) -> Header {
    Header::from_bytes("Content-Type", kind).expect("the types below are valid header values")
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lead_to_files_of_the_book_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("book")).unwrap();
        std::fs::write(folder.path().join("secret.txt"), "no").unwrap();
        let book = folder.path().join("book");
        std::fs::write(book.join("index.html"), "<p></p>").unwrap();
        std::fs::write(book.join("a b.html"), "<p></p>").unwrap();
        assert_eq!(file_for("/", &book), Some(book.join("index.html")));
        assert_eq!(file_for("/a%20b.html", &book), Some(book.join("a b.html")));
        for outside in ["/../secret.txt", "/%2e%2e/secret.txt", "/missing.html", "/%zz"] {
            assert_eq!(file_for(outside, &book), None, "{outside}");
        }
    }
}
