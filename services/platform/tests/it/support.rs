//! Two small services, a NATS server of one's own, and patience.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_kernel::SellerId;
use countersign_platform::testing::TestBed;
use countersign_platform::{
    BoxError, CallContext, EventHandler, Failure, Handled, IDEMPOTENCY_KEY, Identity, Ids,
    IncomingEvent, NewEvent, NewTask, NoSection, Parts, Rejection, Service, Settings, TaskHandler,
    TaskOutcome, TaskRun, UnitOfWork, Wiring, async_trait,
};
use sqlx::migrate::Migrator;
use sqlx::{PgExecutor, PgPool};

static MIGRATIONS: Migrator = sqlx::migrate!("tests/it/migrations");

/// The type of the events that `sample` publishes.
pub(crate) const NOTED: &str = "countersign.sample.v1.ThingNoted";
/// A type that `reader` does not know.
pub(crate) const UNKNOWN: &str = "countersign.sample.v1.ThingForgotten";

/// The service that publishes.
pub(crate) fn sample() -> Service {
    Service::new("sample", "0.0.0")
        .migrations(&MIGRATIONS)
        .append_only(&["keepsake"])
}

/// The service that hears.
pub(crate) fn reader() -> Service {
    Service::new("reader", "0.0.0").migrations(&MIGRATIONS)
}

/// A prefix that no other test uses.
pub(crate) fn prefix() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!(
        "it-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::SeqCst)
    )
}

/// A `sample` and a `reader` that share a prefix.
pub(crate) async fn pair() -> (TestBed, TestBed) {
    pair_with(|_| {}).await
}

/// The same, with other settings.
pub(crate) async fn pair_with(change: impl Fn(&mut Settings)) -> (TestBed, TestBed) {
    let prefix = prefix();
    let set = |settings: &mut Settings| {
        settings.nats_prefix.clone_from(&prefix);
        change(settings);
    };
    let publisher = TestBed::with_settings(&sample(), NoSection {}, set).await;
    let subscriber = TestBed::with_settings(&reader(), NoSection {}, set).await;
    (publisher, subscriber)
}

/// `sample` has nothing but what the harness gives.
pub(crate) async fn compose_sample(_: Parts<NoSection>) -> Result<Wiring, BoxError> {
    Ok(Wiring::new().task("sample.remind", Remind))
}

/// `reader` notes what it hears of `sample`.
pub(crate) async fn compose_reader(_: Parts<NoSection>) -> Result<Wiring, BoxError> {
    Ok(Wiring::new()
        .subscribe("sample", Reader)
        .task("sample.remind", Remind))
}

/// Writes a note in this unit of work.
pub(crate) async fn note(uow: &mut UnitOfWork, topic: &str, body: &str) -> Result<(), Failure> {
    sqlx::query("INSERT INTO note (topic, body) VALUES ($1, $2)")
        .bind(topic)
        .bind(body)
        .execute(uow.connection())
        .await?;
    Ok(())
}

/// The bodies of all notes on a topic, in the order written.
pub(crate) async fn notes(executor: impl PgExecutor<'_>, topic: &str) -> Vec<String> {
    sqlx::query_scalar("SELECT body FROM note WHERE topic = $1 ORDER BY id")
        .bind(topic)
        .fetch_all(executor)
        .await
        .unwrap()
}

/// The seller of most tests.
pub(crate) fn acme() -> SellerId {
    "acme".parse().unwrap()
}

/// An event of `topic` that says `body`.
pub(crate) fn event(type_name: &str, topic: &str, body: &str) -> NewEvent {
    NewEvent {
        type_name: type_name.to_owned(),
        seller: acme(),
        engagement: Some("006D".parse().unwrap()),
        aggregate_id: topic.to_owned(),
        payload: body.into(),
    }
}

/// Notes and publishes, as a command of `sample` would.
pub(crate) async fn publish(bed: &TestBed, topic: &'static str, body: &str) {
    let body = body.to_owned();
    bed.transaction(|uow| {
        let body = body.clone();
        Box::pin(async move {
            note(uow, topic, &body).await?;
            uow.publish(event(NOTED, topic, &body)).await
        })
    })
    .await
    .unwrap();
}

/// Hears `sample`. What an event says decides how it goes.
pub(crate) struct Reader;

#[async_trait]
impl EventHandler for Reader {
    fn types(&self) -> &'static [&'static str] {
        &[NOTED]
    }

    async fn handle(
        &self,
        uow: &mut UnitOfWork,
        event: &IncomingEvent,
    ) -> Result<Handled, Failure> {
        let body = String::from_utf8_lossy(&event.payload).into_owned();
        note(uow, &event.aggregate_id, &body).await?;
        match body.as_str() {
            "reject" => Err(Rejection::failed_precondition("NOT_NOW", "not now").into()),
            "garbage" => Err(Failure::undecodable("a note", "it is garbage")),
            "bug" => Err(Failure::internal("noting", "a bug")),
            // Fails until somebody else has noted that it may go on.
            "once" if notes_in(uow, "may-go-on").await? == 0 => {
                Err(Failure::unavailable("noting", "not yet"))
            }
            _ => Ok(Handled::Applied),
        }
    }
}

async fn notes_in(uow: &mut UnitOfWork, topic: &str) -> Result<i64, Failure> {
    Ok(
        sqlx::query_scalar("SELECT count(*) FROM note WHERE topic = $1")
            .bind(topic)
            .fetch_one(uow.connection())
            .await?,
    )
}

/// Notes its own key, with its completion.
pub(crate) struct Remind;

#[async_trait]
impl TaskHandler for Remind {
    async fn run(&self, run: &TaskRun) -> Result<TaskOutcome, Failure> {
        let key = run.key.clone();
        run.transaction(|uow| {
            let key = key.clone();
            Box::pin(async move {
                note(uow, "reminded", &key).await?;
                uow.complete_task().await
            })
        })
        .await?;
        Ok(TaskOutcome::Done)
    }
}

/// A task of [`Remind`], due now.
pub(crate) fn reminder(uow: &UnitOfWork, key: &str) -> NewTask {
    NewTask {
        kind: "sample.remind",
        key: key.to_owned(),
        payload: serde_json::json!({}),
        due_at: uow.now(),
    }
}

/// A command's call by `tester` of `acme`, under a key.
pub(crate) fn call(bed: &TestBed, key: &str) -> CallContext {
    called(key, bed.parts().database.ids())
}

/// The same, with ids of one's own.
pub(crate) fn called(key: &str, ids: &Ids) -> CallContext {
    let mut request = tonic::Request::new(());
    request.extensions_mut().insert(Identity {
        seller: "acme".parse().unwrap(),
        principal: "tester".parse().unwrap(),
        roles: Vec::new(),
    });
    let metadata = request.metadata_mut();
    metadata.insert(IDEMPOTENCY_KEY, key.parse().unwrap());
    CallContext::command(&request, ids).unwrap()
}

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(40);

/// Waits until `probe` says yes.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut probe: impl FnMut() -> F) {
    let started = std::time::Instant::now();
    while !probe().await {
        assert!(started.elapsed() < PATIENCE, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the notes on a topic are these.
pub(crate) async fn eventually_notes(pool: &PgPool, topic: &str, expected: &[&str]) {
    let started = std::time::Instant::now();
    loop {
        let found = notes(pool, topic).await;
        if found == expected {
            return;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "notes on {topic}: {found:?}, not {expected:?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A NATS server that a test may kill, wipe and start again.
pub(crate) struct PrivateNats {
    folder: PathBuf,
    port: u16,
    child: Child,
}

impl PrivateNats {
    /// Starts on a free port with an empty folder.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// The same, with lines of its own in the configuration.
    pub(crate) fn start_with(configuration: &str) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = std::env::temp_dir().join(format!("countersign-it-nats-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("nats.conf"), configuration).unwrap();
        let child = launch(port, &folder);
        Self {
            folder,
            port,
            child,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Removes all that JetStream ever stored.
    pub(crate) fn wipe(&self) {
        std::fs::remove_dir_all(self.folder.join("jetstream")).unwrap();
    }

    /// Keeps JetStream's folder as it is now, to go back to.
    pub(crate) fn snapshot(&self) {
        copy(&self.folder.join("jetstream"), &self.folder.join("kept"));
    }

    /// Goes back to what [`PrivateNats::snapshot`] kept.
    pub(crate) fn restore(&self) {
        self.wipe();
        copy(&self.folder.join("kept"), &self.folder.join("jetstream"));
    }

    pub(crate) fn start_again(&mut self) {
        self.child = launch(self.port, &self.folder);
    }
}

impl Drop for PrivateNats {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn launch(port: u16, folder: &Path) -> Child {
    let program = ["/usr/sbin/nats-server", "/usr/local/bin/nats-server"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("nats-server");
    Command::new(program)
        .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
        .arg(folder)
        .arg("-c")
        .arg(folder.join("nats.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
