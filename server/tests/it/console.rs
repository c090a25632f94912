//! One running program and the requests of a person without a browser: plain form posts.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use model::view::{SessionView, StartView};

/// A `landfall serve`.
#[derive(Debug)]
pub(crate) struct Console {
    child: Child,
    address: SocketAddr,
}

/// An answer over HTTP/1.1.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Console {
    /// Starts the program on a free port; `kill_at` makes it end itself, see `server::fault`.
    pub(crate) fn start(data_dir: &Path, site: &Path, scale: &str, kill_at: Option<&str>) -> Self {
        Self::start_with(data_dir, site, scale, kill_at, &[])
    }

    /// As [`Console::start`], with variables in its environment.
    pub(crate) fn start_with(
        data_dir: &Path,
        site: &Path,
        scale: &str,
        kill_at: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--lab-scale",
                scale,
                "--data-dir",
            ])
            .arg(data_dir)
            .arg("--site-dir")
            .arg(site)
            .env("LANDFALL_LOG", "warn")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(kill_at) = kill_at {
            command.env("LANDFALL_KILL_AT", kill_at);
        }
        let mut child = command.spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("piped");
        let mut first = String::new();
        BufReader::new(stdout)
            .read_line(&mut first)
            .expect("a line");
        let address = first.trim().rsplit("http://").next().expect("an address");
        let address = address
            .parse()
            .unwrap_or_else(|_| panic!("no address in {first:?}"));
        Self { child, address }
    }

    pub(crate) fn get(&self, path: &str) -> Option<Answer> {
        self.request("GET", path, "")
    }

    /// Posts a form as a browser does.
    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> Option<Answer> {
        let pairs: Vec<_> = form
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
            .collect();
        self.request("POST", path, &pairs.join("&"))
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .ok()?;
        let address = self.address;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\n\
             Sec-Fetch-Site: same-origin\r\nAccept: text/html\r\nReferer: http://{address}/\r\n\
             Connection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text).ok()?;
        parse(&String::from_utf8_lossy(&text))
    }

    /// The start page's answer; none when the program is gone.
    pub(crate) fn start_view(&self) -> Option<StartView> {
        serde_json::from_str(&self.get("/api/console/start")?.body).ok()
    }

    /// A session's answer; none when the program is gone.
    pub(crate) fn session(&self, id: &str) -> Option<SessionView> {
        serde_json::from_str(&self.get(&format!("/api/console/session?id={id}"))?.body).ok()
    }

    /// The newest session of a VM; none when there is none yet, or the program is gone.
    pub(crate) fn newest_session(&self, vm_name: &str) -> Option<SessionView> {
        let view = self.start_view()?;
        let mut all = view.running.into_iter().chain(view.past);
        let id = all.find(|session| session.vm_name == vm_name)?.id;
        self.session(id.as_str())
    }

    /// Presses a button of a session.
    pub(crate) fn act(&self, session: &SessionView, operation: &str) {
        self.ask(session, &[("operation", operation)]);
    }

    /// Sends a form of a session.
    pub(crate) fn ask(&self, session: &SessionView, fields: &[(&str, &str)]) {
        let mut form = vec![("id", session.summary.id.as_str())];
        form.extend(fields);
        drop(self.post("/api/console/session/act", &form));
    }

    /// Waits until the program has killed itself.
    pub(crate) fn until_killed(mut self) {
        until("the kill", Duration::from_secs(180), || self.ended());
    }

    /// Ends the program as a power cut does.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    /// Asks the program to stop, as Ctrl-C does, and waits until it has.
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.expect("kill is there").success());
        until("the end", Duration::from_secs(20), || self.ended())
    }

    /// Whether it ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn parse(text: &str) -> Option<Answer> {
    let (headers, body) = text.split_once("\r\n\r\n")?;
    let status = headers.split(' ').nth(1)?.parse().ok()?;
    let chunked = headers
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    let body = if chunked {
        join_chunks(body)
    } else {
        body.to_owned()
    };
    Some(Answer {
        status,
        headers: headers.to_owned(),
        body,
    })
}

fn join_chunks(mut rest: &str) -> String {
    let mut joined = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 || size > after.len() {
            break;
        }
        joined.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    joined
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Asks until something is there.
pub(crate) fn until<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            begun.elapsed() < limit,
            "{what} did not come within {limit:?}"
        );
        thread::sleep(Duration::from_millis(50));
    }
}

/// The `location` of a redirect.
pub(crate) fn location(answer: &Answer) -> String {
    let line = answer
        .headers
        .lines()
        .find(|line| line.to_ascii_lowercase().starts_with("location:"));
    line.map(|line| line[9..].trim().to_owned())
        .unwrap_or_default()
}

/// A site directory that the program accepts; no page of these tests loads its files.
pub(crate) fn empty_site(in_dir: &Path) -> PathBuf {
    let site = in_dir.join("site");
    std::fs::create_dir_all(site.join("pkg")).expect("made");
    std::fs::write(site.join("pkg/landfall.js"), "").expect("written");
    site
}
