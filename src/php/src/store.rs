//! `CiviShare\Store`: the queues of one site, and what moves changes through them.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use civishare_core::change::Change;
use civishare_core::delivery::http::{Http, HttpOptions};
use civishare_core::delivery::{AskError, Courier, Event, PeeringOut, SendOptions, SendReport};
use civishare_core::hello::Hello;
use civishare_core::intake::{self, Ask, Intake, PeeringIn, Request, Response};
use civishare_core::json::{self, Json};
use civishare_core::shape::{Shape, Types};
use civishare_core::signature::{Key, loop_signature_text};
use civishare_core::store::sqlite::{Options, Sqlite};
use civishare_core::store::{
    ClaimedChange, DatabaseMarks, DeadLetterFilter, Direction, Fit, Misfit, OutboxChange, Outcome,
    PeeringId, PeeringStatus, Store as Queues, StoreError, worker,
};
use civishare_core::world::{System, World};
use ext_php_rs::binary::Binary;
use ext_php_rs::boxed::ZBox;
use ext_php_rs::flags::ClassFlags;
use ext_php_rs::prelude::*;
use ext_php_rs::types::ZendHashTable;

use crate::convert::{
    Facts, Flag, Number, Out, Table, TableIf, Text, TextIf, each, to_texts, to_zval, utf8,
};
use crate::error::{Error, Result};
use crate::settings::Settings;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        Error::Store(error.to_string())
    }
}

/// The queues of one site in one file, opened on first use.
#[php_class]
#[php(name = "CiviShare\\Store", flags = ClassFlags::Final)]
pub struct Store {
    path: PathBuf,
    node: String,
    open: OnceCell<Sqlite>,
}

impl Store {
    /// The queues, opened on first use. After a fork they open a connection of their own.
    fn queues(&self) -> std::result::Result<&Sqlite, StoreError> {
        if let Some(queues) = self.open.get() {
            return Ok(queues);
        }
        let queues = Sqlite::open(&self.path, Options::default(), &System)?;
        Ok(self.open.get_or_init(|| queues))
    }

    fn with<T>(&self, work: impl FnOnce(&Sqlite) -> Result<T>) -> Result<T> {
        work(self.queues()?)
    }

    /// Asks a peer something, with the client and in the time that `options` give (30 seconds).
    fn ask<T>(
        &self,
        options: Facts<'_>,
        work: impl FnOnce(&Courier<'_>, u64) -> std::result::Result<T, AskError>,
    ) -> Result<T> {
        let http = http(options, &Settings::read()?)?;
        let deadline = options.number_if("deadline")?.unwrap_or(30_000);
        self.with(|queues| {
            let courier = Courier {
                store: queues,
                world: &System,
                transport: &http,
                node: &self.node,
            };
            work(&courier, deadline).map_err(|error| Error::Other(error.to_string()))
        })
    }

    /// Runs `work` with an intake that opens the store only once a sender is proved.
    fn intake<T>(&self, inbox_limit: Option<u64>, work: impl FnOnce(&Intake<'_>) -> T) -> T {
        let store = || self.queues().map(|queues| queues as &dyn Queues);
        work(&Intake {
            store: &store,
            world: &System,
            node: &self.node,
            software: SOFTWARE,
            inbox_limit,
        })
    }
}

#[php_impl]
impl Store {
    /// `path` is the store's file, `node` this site's identifier. Opens nothing.
    pub fn __construct(path: Text<'_>, node: Text<'_>) -> Result<Store> {
        let (path, node) = (path.read("path")?, node.read("node")?);
        if !civishare_core::version::is_node(node) {
            return Err(Error::Argument(
                "node: an identifier is 1 to 255 visible ASCII characters, like https://crm.example.org"
                    .into(),
            ));
        }
        if !Path::new(path).is_absolute() {
            return Err(Error::Argument(
                "path: the store's file needs its whole path".into(),
            ));
        }
        Ok(Store {
            path: path.into(),
            node: node.into(),
            open: OnceCell::new(),
        })
    }

    /// Compares what CiviCRM's database says of itself with what the store has last seen, and keeps it if they fit.
    ///
    /// `store` is the uuid() that the database has noted, '' before the first; `journal` and `applied` only ever grow. `fit`:
    /// `first` asks the database to note `store`, with `apart` the store counts as lost (beginAnew()). On `restored` the
    /// marks are to be read and compared once more: another process may have moved them on.
    ///
    /// @param array{instance: string, store: string, journal: int, applied: int} $database
    /// @return array{fit: 'together'|'first'|'apart', reason: null|'other_store'|'other_database'|'restored', store: string}
    pub fn fit(&self, database: Table<'_>) -> Result<ZBox<ZendHashTable>> {
        let database = marks(database.facts("database", "fit")?)?;
        let (fit, uuid) = self.with(|queues| Ok((queues.fit(&database)?, queues.uuid()?)))?;
        let (word, reason) = match fit {
            Fit::Together => ("together", None),
            Fit::First => ("first", None),
            Fit::Apart(Misfit::OtherStore) => ("apart", Some("other_store")),
            Fit::Apart(Misfit::OtherDatabase) => ("apart", Some("other_database")),
            Fit::Apart(Misfit::Restored) => ("apart", Some("restored")),
        };
        Ok(Out::new()
            .set("fit", word)?
            .set("reason", reason)?
            .set("store", uuid)?
            .done())
    }

    /// The store counts as lost: everything in it is forgotten, and it belongs to this database from now on. Gives its new
    /// UUID, for the database to note.
    ///
    /// @param array{instance: string, store: string, journal: int, applied: int} $database
    #[php(name = "beginAnew")]
    pub fn begin_anew(&self, database: Table<'_>) -> Result<String> {
        let database = marks(database.facts("database", "beginAnew")?)?;
        let uuid = System.uuid();
        self.with(|queues| Ok(queues.begin_anew(&uuid, &database)?))?;
        Ok(uuid)
    }

    /// Appends changes (`id`, `text`, `targets`) to the outbox in one transaction and tells how many were new.
    ///
    /// @param list<array{id: string, text: string, targets: list<int>}> $changes
    pub fn enqueue(&self, changes: Table<'_>) -> Result<i64> {
        let changes = Facts::new(changes.read("changes")?, "enqueue").list()?;
        let mut targets: Vec<Vec<PeeringId>> = Vec::with_capacity(changes.len());
        for change in &changes {
            let change = Facts::new(change, "enqueue: a change");
            targets.push(change.peerings("targets")?.into_iter().collect());
        }
        let rows = changes
            .iter()
            .zip(&targets)
            .map(|(change, targets)| {
                let change = Facts::new(change, "enqueue: a change");
                OutboxChange::read(change.text("id")?, change.text("text")?, targets)
                    .map_err(|error| Error::Argument(format!("enqueue: {error}")))
            })
            .collect::<Result<Vec<_>>>()?;
        self.with(|queues| {
            let new = queues.enqueue(&rows, System.now())?;
            Ok(i64::try_from(new).unwrap_or(i64::MAX))
        })
    }

    /// Sends what waits to these peerings, many at once, and tells of each how it went.
    ///
    /// A peering has `id`, `remote`, `url`, `secrets` (the current one, then the new one), `types_out`, `types_in`, `rule`
    /// and `rules`. A type has NULL for everything as it is, or what Core::take() takes. Options: `deadline` (ms for the whole call), `max_messages`, `software`, `allow_http`, `allow_private`.
    ///
    /// @param list<array{id: int, remote: string, url: string, secrets: list<string>, types_out?: array<string, ?array>,
    ///   types_in?: array<string, ?array>, rule?: string, rules?: array<string, string>}> $peerings
    /// @param ?array{deadline?: int, max_messages?: int, software?: string, allow_http?: bool, allow_private?: bool} $options
    /// @return list<array{peering: int, messages: int, changes: int, rejected: int, backlog: int, error: ?string, status: ?int,
    ///   failing_since: ?int, next_attempt: ?int, event: null|'resync'|'ended'|'clone'|'busy', rotated: ?int}>
    #[php(optional = options)]
    pub fn send(&self, peerings: Table<'_>, options: TableIf<'_>) -> Result<ZBox<ZendHashTable>> {
        let none = ZendHashTable::new();
        let place = "send: options";
        let options = match options.facts("options", place)? {
            Some(options) => options,
            None => Facts::new(&none, place),
        };
        let software = options.text_if("software")?.unwrap_or(SOFTWARE);
        let peerings = Facts::new(peerings.read("peerings")?, "send")
            .list()?
            .into_iter()
            .map(|peering| peering_out(peering, software))
            .collect::<Result<Vec<_>>>()?;
        let settings = Settings::read()?;
        let http = http(options, &settings)?;
        let defaults = SendOptions::default();
        let bounds = SendOptions {
            deadline: options.number_if("deadline")?.unwrap_or(defaults.deadline),
            max_messages: options
                .number_if("max_messages")?
                .unwrap_or(defaults.max_messages),
            workers: settings.delivery_threads,
        };
        let reports = self.with(|queues| {
            let courier = Courier {
                store: queues,
                world: &System,
                transport: &http,
                node: &self.node,
            };
            Ok(courier.send(&peerings, &bounds))
        })?;
        let mut list = ZendHashTable::new();
        for one in &reports {
            list.push(report(one)?)?;
        }
        Ok(list)
    }

    /// Says `hello` to one peering, asking for a resynchronisation if `resync`, and gives what the other side said.
    ///
    /// Throws an Exception with a sentence for a person where no answer came that counts.
    ///
    /// @param array{id: int, remote: string, url: string, secrets: list<string>, types_out?: array<string, ?array>,
    ///   types_in?: array<string, ?array>, rule?: string, rules?: array<string, string>} $peering
    /// @param ?array{deadline?: int, allow_http?: bool, allow_private?: bool} $options
    /// @return array{types_out: list<string>, types_in: list<string>, rules: array<string, string>, software: string, resync: bool}
    #[php(optional = options)]
    pub fn hello(
        &self,
        peering: Table<'_>,
        resync: Flag<'_>,
        options: TableIf<'_>,
    ) -> Result<ZBox<ZendHashTable>> {
        let none = ZendHashTable::new();
        let place = "hello: options";
        let options = match options.facts("options", place)? {
            Some(options) => options,
            None => Facts::new(&none, place),
        };
        let peering = peering_out(peering.read("peering")?, SOFTWARE)?;
        let mut hello = peering.hello.clone().unwrap_or_default();
        hello.resync = resync.read("resync")?;
        let answer = self.ask(options, |courier, deadline| {
            courier.hello(&peering, &hello, deadline)
        })?;
        said(&answer)
    }

    /// Takes one HTTP request to the endpoint and gives what to answer (`status`, `headers`, `body`).
    ///
    /// A request has `service`, `headers` (names in lower case) and `body`; `peering` is the one whose remote node the
    /// `civishare-sender` header names, NULL for an unknown sender. `event` is NULL, `hello` (then `said` and `resync` tell
    /// what the peer said) or `records` (then `ask` tells what it wants, and answer() replaces this answer). `fault` is a
    /// sentence for the log where the store did not work; the peer is asked to come back. `under_new_key`: it was proved by
    /// the second of the secrets. Options: `inbox_limit`.
    ///
    /// @param array{service: string, headers: array<string, string>, body: string} $request
    /// @param ?array{id: int, remote: string, secrets: list<string>, ended?: bool, simple?: bool, rule?: string,
    ///   types_in?: array<string, ?array>, types_out?: array<string, ?array>, rules?: array<string, string>} $peering
    /// @param ?array{inbox_limit?: int} $options
    /// @return array{status: int, headers: array<string, string>, body: string, stored: int, fault: ?string,
    ///   under_new_key: bool, event: null|'hello'|'records', resync?: bool,
    ///   said?: array{types_out: list<string>, types_in: list<string>, rules: array<string, string>, software: string, resync: bool},
    ///   ask?: array{type: string, after: string, limit: int, uids: ?list<string>}}
    #[php(optional = options)]
    pub fn receive(
        &self,
        request: Table<'_>,
        peering: TableIf<'_>,
        options: TableIf<'_>,
    ) -> Result<ZBox<ZendHashTable>> {
        let request = request.facts("request", "receive: the request")?;
        let peering = peering
            .facts("peering", "receive: the peering")?
            .map(peering_in)
            .transpose()?;
        let inbox_limit = match options.facts("options", "receive: options")? {
            Some(options) => options.number_if("inbox_limit")?,
            None => None,
        };
        let headers = request.strings("headers")?;
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let request = Request {
            service: request.text("service")?,
            headers: &headers,
            body: request.bytes("body")?,
        };
        let received = self.intake(inbox_limit, |intake| {
            intake.receive(&request, peering.as_ref())
        });
        let out = response(&received.response)?
            .set("stored", received.stored as i64)?
            .set("under_new_key", received.under_new_key)?
            .set("fault", received.fault.map(|fault| fault.to_string()))?;
        Ok(match &received.event {
            None => out.set("event", None::<&str>)?,
            Some(intake::Event::Hello(hello)) => out
                .set("event", "hello")?
                .set("resync", hello.resync)?
                .set("said", said(hello)?)?,
            Some(intake::Event::Records(ask)) => {
                out.set("event", "records")?.set("ask", asked(ask)?)?
            }
        }
        .done())
    }

    /// Answers a `records` request, which receive() has let through, with whole records and the cursor behind them.
    ///
    /// `records` are texts of changes, of whose attributes goes out what the peering lets out; `after` is NULL where there are no
    /// more.
    ///
    /// @param array{service: string, headers: array<string, string>, body: string} $request
    /// @param array{id: int, remote: string, secrets: list<string>, ended?: bool, simple?: bool, rule?: string,
    ///   types_in?: array<string, ?array>, types_out?: array<string, ?array>, rules?: array<string, string>} $peering
    /// @param list<string> $records
    /// @return array{status: int, headers: array<string, string>, body: string}
    #[php(optional = after)]
    pub fn answer(
        &self,
        request: Table<'_>,
        peering: Table<'_>,
        records: Table<'_>,
        after: TextIf<'_>,
    ) -> Result<ZBox<ZendHashTable>> {
        let request = request.facts("request", "answer: the request")?;
        let peering = peering_in(peering.facts("peering", "answer: the peering")?)?;
        let records = each(records.read("records")?)
            .map(|(_, text)| {
                utf8(text)
                    .filter(|text| json::parse(text.as_bytes()).is_ok())
                    .ok_or_else(|| Error::Argument("answer: records must be JSON texts".into()))
            })
            .collect::<Result<Vec<_>>>()?;
        let headers = request.strings("headers")?;
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let request = Request {
            service: request.text("service")?,
            headers: &headers,
            body: request.bytes("body")?,
        };
        let after = after.read("after")?;
        let answer = self.intake(None, |intake| {
            intake.answer(&request, &peering, &records, after)
        });
        Ok(response(&answer)?.done())
    }

    /// Asks one peering for entities by their UIDs, and takes what it gives into the inbox.
    ///
    /// `given` are all UIDs that the answer names: what was asked for and is not among them is not shared, or does not exist.
    /// `more`: not all fitted into one answer, so what is missing has to be asked for again. `rejected` says why something that was
    /// given was not taken. Throws an Exception with a sentence for a person where no answer came that counts.
    ///
    /// @param array{id: int, remote: string, url: string, secrets: list<string>, types_out?: array<string, ?list<string>>,
    ///   types_in?: array<string, ?list<string>>} $peering
    /// @param list<string> $uids
    /// @param ?array{deadline?: int, allow_http?: bool, allow_private?: bool} $options
    /// @return array{given: list<string>, stored: int, rejected: list<string>, more: bool}
    #[php(optional = options)]
    pub fn fetch(
        &self,
        peering: Table<'_>,
        kind: Text<'_>,
        uids: Table<'_>,
        options: TableIf<'_>,
    ) -> Result<ZBox<ZendHashTable>> {
        let none = ZendHashTable::new();
        let place = "fetch: options";
        let options = match options.facts("options", place)? {
            Some(options) => options,
            None => Facts::new(&none, place),
        };
        let table = peering.read("peering")?;
        let peering = peering_out(table, SOFTWARE)?;
        let inward = peering_in(Facts::new(table, "fetch: the peering"))?;
        let uids = each(uids.read("uids")?)
            .map(|(_, uid)| {
                utf8(uid)
                    .map(|uid| Json::Str(uid.to_owned().into()))
                    .ok_or_else(|| Error::Argument("fetch: uids must be texts".into()))
            })
            .collect::<Result<Vec<_>>>()?;
        let members = vec![
            ("type", Json::Str(kind.read("kind")?.to_owned().into())),
            ("uids", Json::Array(uids)),
        ];
        let answer = self.ask(options, |courier, deadline| {
            courier.records(&peering, members, deadline)
        })?;
        let given = self.intake(None, |intake| intake.given(&answer, &inward));
        let given = given.map_err(|error| Error::Other(error.to_string()))?;
        Ok(Out::new()
            .set("given", to_texts(given.uids.iter().map(String::as_str))?)?
            .set("stored", given.stored as i64)?
            .set(
                "rejected",
                to_texts(given.rejected.iter().map(String::as_str))?,
            )?
            .set("more", given.after.is_some())?
            .done())
    }

    /// Claims up to `limit` due changes of the inbox, oldest first and in order for each entity, for `lease_ms` milliseconds.
    ///
    /// @return list<array{inbox: int, peering: int, change: string, signature: string, change_id: string, type: string,
    ///   operation: string, entity: string, uid: string, same_as: list<string>, merged_uid: ?string, reference: ?string,
    ///   attributes: list<string>, identity: ?array<string, mixed>, chain: list<string>, came_round: bool, links_only: bool,
    ///   attempts: int}>
    pub fn claim(&self, limit: Number<'_>, lease_ms: Number<'_>) -> Result<ZBox<ZendHashTable>> {
        let limit = usize::try_from(limit.read("limit")?).unwrap_or(usize::MAX);
        let now = System.now();
        let until = now.saturating_add(lease_ms.read("lease_ms")?);
        let claimed = self.with(|queues| Ok(queues.claim(limit, now, until)?))?;
        let mut list = ZendHashTable::new();
        for change in &claimed {
            list.push(claimed_change(change)?)?;
        }
        Ok(list)
    }

    /// Notes what came of claimed changes (`inbox`, `outcome`, `reason`, `until`), in one transaction. What waits `alone` does not hold up
    /// later changes of its entity.
    ///
    /// @param list<array{inbox: int, outcome: 'applied'|'ignored'|'wait'|'retry'|'dead', reason?: ?string, until?: ?int, alone?: ?bool}> $results
    pub fn finish(&self, results: Table<'_>) -> Result<()> {
        let results = Facts::new(results.read("results")?, "finish")
            .list()?
            .into_iter()
            .map(outcome)
            .collect::<Result<Vec<_>>>()?;
        self.with(|queues| Ok(queues.finish(&results, System.now())?))
    }

    /// The store at a glance.
    ///
    /// @return array{path: string, uuid: string, schema: int, outbox: int, inbox: int, inbox_waiting: int, dead: int,
    ///   peerings: array<int, array{backlog: int, epoch: ?string, seq: int, attempts: int, failing_since: ?int,
    ///   last_success: ?int, last_error: ?string, last_status: ?int, next_attempt: int, stopped: ?string, resync_due: bool,
    ///   epoch_in: ?string, seq_in: ?int}>}
    pub fn status(&self) -> Result<ZBox<ZendHashTable>> {
        let status = self.with(|queues| Ok(queues.status(System.now())?))?;
        let mut peerings = ZendHashTable::new();
        for peering in &status.peerings {
            peerings.insert_at_index(peering.id, peering_status(peering)?)?;
        }
        Ok(Out::new()
            .set("path", status.path.to_string_lossy().as_ref())?
            .set("uuid", status.uuid.as_str())?
            .set("schema", status.schema)?
            .set("outbox", count(status.outbox))?
            .set("inbox", count(status.inbox))?
            .set("inbox_waiting", count(status.inbox_waiting))?
            .set("dead", count(status.dead))?
            .set("peerings", peerings)?
            .done())
    }

    /// Dead letters, oldest first; the filter may hold `direction` (`in` or `out`), `peering`, `after` and `limit`.
    ///
    /// @param ?array{direction?: 'in'|'out', peering?: int, after?: int, limit?: int} $filter
    /// @return list<array{id: int, direction: 'in'|'out', peering: int, change_id: string, type: string, reason: string,
    ///   dead: int, text: string}>
    #[php(name = "deadLetters")]
    #[php(optional = filter)]
    pub fn dead_letters(&self, filter: TableIf<'_>) -> Result<ZBox<ZendHashTable>> {
        let filter = match filter.facts("filter", "deadLetters")? {
            None => DeadLetterFilter::default(),
            Some(filter) => dead_letter_filter(filter)?,
        };
        let letters = self.with(|queues| Ok(queues.dead_letters(&filter)?))?;
        let mut list = ZendHashTable::new();
        for letter in &letters {
            list.push(
                Out::new()
                    .set("id", letter.id)?
                    .set("direction", letter.direction.as_str())?
                    .set("peering", letter.peering)?
                    .set("change_id", letter.change_id.as_str())?
                    .set("type", letter.kind.as_str())?
                    .set("reason", letter.reason.as_str())?
                    .set("dead", count(letter.dead))?
                    .set("text", letter.text.as_str())?
                    .done(),
            )?;
        }
        Ok(list)
    }

    /// Changes of the inbox that could not be applied so far and are tried again, oldest first; the filter may hold
    /// `peering`, `after` and `limit`.
    ///
    /// @param ?array{peering?: int, after?: int, limit?: int} $filter
    /// @return list<array{id: int, peering: int, change_id: string, type: string, reason: string, attempts: int, until: int,
    ///   text: string}>
    #[php(optional = filter)]
    pub fn waiting(&self, filter: TableIf<'_>) -> Result<ZBox<ZendHashTable>> {
        let filter = match filter.facts("filter", "waiting")? {
            None => DeadLetterFilter::default(),
            Some(filter) => dead_letter_filter(filter)?,
        };
        let waiting = self.with(|queues| Ok(queues.waiting(&filter, System.now())?))?;
        let mut list = ZendHashTable::new();
        for change in &waiting {
            list.push(
                Out::new()
                    .set("id", change.inbox)?
                    .set("peering", change.peering)?
                    .set("change_id", change.change_id.as_str())?
                    .set("type", change.kind.as_str())?
                    .set("reason", change.reason.as_str())?
                    .set("attempts", i64::from(change.attempts))?
                    .set("until", count(change.until))?
                    .set("text", change.text.as_str())?
                    .done(),
            )?;
        }
        Ok(list)
    }

    /// Puts a dead letter back into its queue; false if there is no such one.
    #[php(name = "retryDead")]
    pub fn retry_dead(&self, id: Number<'_>) -> Result<bool> {
        let id = id.id("id")?;
        self.with(|queues| Ok(queues.retry_dead(id, System.now())?))
    }

    /// Throws a dead letter away; false if there is no such one.
    #[php(name = "discardDead")]
    pub fn discard_dead(&self, id: Number<'_>) -> Result<bool> {
        let id = id.id("id")?;
        self.with(|queues| Ok(queues.discard_dead(id)?))
    }

    /// A peering was deleted: its messages, backlog, inbox and dead letters go.
    pub fn forget(&self, peering: Number<'_>) -> Result<()> {
        let peering = peering.id("peering")?;
        self.with(|queues| Ok(queues.forget(peering, System.now())?))
    }

    /// A new peering: its cursor stands at the head of the outbox, its line begins with a new epoch.
    pub fn begin(&self, peering: Number<'_>) -> Result<()> {
        let peering = peering.id("peering")?;
        self.with(|queues| Ok(queues.begin(peering)?))
    }

    /// Lets a stopped or failing peering be tried at once.
    pub fn resume(&self, peering: Number<'_>) -> Result<()> {
        let peering = peering.id("peering")?;
        self.with(|queues| Ok(queues.resume(peering)?))
    }

    /// A rotation begins, or is over: what was noted of one is forgotten.
    pub fn rotate(&self, peering: Number<'_>) -> Result<()> {
        let peering = peering.id("peering")?;
        self.with(|queues| Ok(queues.rotation(peering, None)?))
    }

    /// The resynchronisation that was due has been enqueued.
    pub fn resynced(&self, peering: Number<'_>) -> Result<()> {
        let peering = peering.id("peering")?;
        self.with(|queues| Ok(queues.resynced(peering)?))
    }

    /// Takes or prolongs a lease for `ms` milliseconds; false if another process holds it.
    pub fn lease(&self, name: Text<'_>, ms: Number<'_>) -> Result<bool> {
        let name = name.read("name")?;
        let now = System.now();
        let until = now.saturating_add(ms.read("ms")?);
        self.with(|queues| Ok(queues.lease(name, &worker::this_process(), now, until)?))
    }

    /// Gives a lease back.
    pub fn release(&self, name: Text<'_>) -> Result<()> {
        let name = name.read("name")?;
        self.with(|queues| Ok(queues.release(name, &worker::this_process())?))
    }

    /// Forgets what has expired. Meant for once an hour.
    pub fn sweep(&self) -> Result<()> {
        self.with(|queues| Ok(queues.sweep(System.now())?))
    }
}

fn marks(facts: Facts<'_>) -> Result<DatabaseMarks<'_>> {
    Ok(DatabaseMarks {
        instance: facts.text("instance")?,
        store: facts.text("store")?,
        journal: facts.number("journal")?,
        applied: facts.number("applied")?,
    })
}

/// A peering as the sending side needs it. `hello` is what this side says of itself.
fn peering_out(peering: &ZendHashTable, software: &str) -> Result<PeeringOut> {
    let facts = Facts::new(peering, "send: a peering");
    let types_out = types(facts, "types_out")?;
    let types_in = types(facts, "types_in")?;
    let rule = facts.text_if("rule")?.unwrap_or("latest");
    let named = facts.texts_by_name("rules")?;
    let rules = types_out
        .keys()
        .chain(types_in.keys())
        .map(|kind| {
            let rule = named.get(kind).map_or(rule, String::as_str);
            (kind.clone(), rule.to_owned())
        })
        .collect();
    Ok(PeeringOut {
        id: facts.peering("id")?,
        remote: facts.node("remote")?.to_owned(),
        url: facts.text("url")?.to_owned(),
        keys: keys(facts)?,
        hello: Some(Hello {
            types_out: types_out.keys().cloned().collect(),
            types_in: types_in.keys().cloned().collect(),
            rules,
            software: software.to_owned(),
            resync: false,
        }),
        types_out,
    })
}

/// A peering as the receiving side needs it.
fn peering_in(facts: Facts<'_>) -> Result<PeeringIn> {
    Ok(PeeringIn {
        id: facts.peering("id")?,
        remote: facts.node("remote")?.to_owned(),
        keys: keys(facts)?,
        ended: facts.flag("ended")?,
        types_in: types(facts, "types_in")?,
        types_out: types(facts, "types_out")?,
        simple: facts.flag("simple")?,
        rule: facts.text_if("rule")?.unwrap_or("latest").to_owned(),
        rules: facts.texts_by_name("rules")?,
    })
}

fn response(response: &Response) -> Result<Out> {
    let mut headers = ZendHashTable::new();
    for (name, value) in &response.headers {
        headers.insert(&**name, value.as_str())?;
    }
    Out::new()
        .set("status", i64::from(response.status))?
        .set("headers", headers)?
        .set("body", Binary::from(response.body.clone()))
}

fn asked(ask: &Ask) -> Result<ZBox<ZendHashTable>> {
    let out = Out::new()
        .set("type", ask.kind.as_str())?
        .set("after", ask.after.as_str())?
        .set("limit", i64::from(ask.limit))?;
    Ok(match &ask.uids {
        None => out.set("uids", None::<&str>)?,
        Some(uids) => out.set("uids", to_texts(uids.iter().map(String::as_str))?)?,
    }
    .done())
}

fn keys(facts: Facts<'_>) -> Result<Vec<Key>> {
    facts
        .texts("secrets")?
        .iter()
        .map(|secret| Key::parse(secret).map_err(|error| Error::Argument(error.to_string())))
        .collect()
}

/// `type => NULL` for everything as it is, `type => [names]` for these attributes alone, `type => [member => …]` for what else
/// [`Facts::shape`] reads.
fn types(facts: Facts<'_>, name: &str) -> Result<Types> {
    let Some(table) = facts.array_if(name)? else {
        return Ok(Types::new());
    };
    each(table)
        .map(|(kind, shape)| {
            let wrong = || {
                Error::Argument(format!(
                    "{name}: change types are needed, with NULL, a list of attributes, or what goes through of each"
                ))
            };
            let kind = utf8(&kind).ok_or_else(wrong)?.to_owned();
            if shape.is_null() {
                return Ok((kind, Shape::default()));
            }
            let shape = shape.array().ok_or_else(wrong)?;
            if each(shape).any(|(key, _)| key.is_string()) {
                return Ok((kind, Facts::new(shape, name).shape()?));
            }
            let names = each(shape)
                .map(|(_, name)| utf8(name).map(str::to_owned).ok_or_else(wrong))
                .collect::<Result<_>>()?;
            Ok((kind, Shape::only(names)))
        })
        .collect()
}

/// What the other side said of itself.
fn said(hello: &Hello) -> Result<ZBox<ZendHashTable>> {
    let mut rules = ZendHashTable::new();
    for (kind, rule) in &hello.rules {
        rules.insert(kind.as_str(), rule.as_str())?;
    }
    Ok(Out::new()
        .set(
            "types_out",
            to_texts(hello.types_out.iter().map(String::as_str))?,
        )?
        .set(
            "types_in",
            to_texts(hello.types_in.iter().map(String::as_str))?,
        )?
        .set("rules", rules)?
        .set("software", hello.software.as_str())?
        .set("resync", hello.resync)?
        .done())
}

fn report(report: &SendReport) -> Result<ZBox<ZendHashTable>> {
    Ok(Out::new()
        .set("peering", report.peering)?
        .set("messages", count(report.messages))?
        .set("changes", count(report.changes))?
        .set("rejected", count(report.rejected))?
        .set("backlog", count(report.backlog))?
        .set("error", report.error.as_deref())?
        .set("status", report.status.map(i64::from))?
        .set("failing_since", report.failing_since.map(count))?
        .set("next_attempt", report.next_attempt.map(count))?
        .set("event", report.event.map(Event::as_str))?
        .set("rotated", report.rotated.map(count))?
        .done())
}

/// The client that `settings` and the site's own `options` ask for.
fn http(options: Facts<'_>, settings: &Settings) -> Result<Http> {
    let trusted = settings
        .ca_file
        .as_ref()
        .map(|file| {
            std::fs::read(file).map_err(|error| {
                Error::Other(format!(
                    "the PHP setting civishare.ca_file names {}, which cannot be read: {error}",
                    file.display()
                ))
            })
        })
        .transpose()?;
    Ok(Http::new(HttpOptions {
        allow_http: options.flag("allow_http")?,
        allow_private: options.flag("allow_private")?,
        connect_timeout: settings.connect_timeout,
        total_timeout: settings.http_timeout,
        trusted,
    }))
}

/// What this software calls itself in a `hello`.
const SOFTWARE: &str = concat!("civishare/", env!("CARGO_PKG_VERSION"));

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn claimed_change(claimed: &ClaimedChange) -> Result<ZBox<ZendHashTable>> {
    let broken = |error: String| Error::Other(format!("a change in the inbox: {error}"));
    let json = json::parse(claimed.text.as_bytes()).map_err(|error| broken(error.to_string()))?;
    let change = Change::read(&json).map_err(|error| broken(error.to_string()))?;
    let texts = |list: &[std::borrow::Cow<'_, str>]| to_texts(list.iter().map(AsRef::as_ref));
    let names = change.attributes.iter().map(|one| one.name.as_ref());
    Ok(Out::new()
        .set("inbox", claimed.inbox)?
        .set("peering", claimed.peering)?
        .set("change", claimed.text.as_str())?
        .set("signature", loop_signature_text(&claimed.signature))?
        .set("change_id", change.change_id.as_ref())?
        .set("type", change.kind.as_ref())?
        .set("operation", change.operation.as_str())?
        .set("entity", change.entity.as_ref())?
        .set("uid", change.entity_uid.as_ref())?
        .set("same_as", texts(&change.same_as)?)?
        .set("merged_uid", change.merged_uid.as_deref())?
        .set("reference", change.entity_reference.as_deref())?
        .set("attributes", to_texts(names)?)?
        .set(
            "identity",
            to_zval(change.identity.as_ref().unwrap_or(&Json::Null))?,
        )?
        .set("chain", texts(&change.loop_detection)?)?
        .set("came_round", claimed.came_round)?
        .set("links_only", claimed.links_only)?
        .set("attempts", i64::from(claimed.attempts))?
        .done())
}

fn outcome(result: &ZendHashTable) -> Result<(i64, Outcome)> {
    let result = Facts::new(result, "finish: a result");
    let inbox = i64::try_from(result.number("inbox")?).unwrap_or(i64::MAX);
    let reason = || Ok::<_, Error>(result.text_if("reason")?.unwrap_or("").to_owned());
    let until = result.number_if("until")?;
    let outcome = match result.text("outcome")? {
        "applied" => Outcome::Applied,
        "ignored" => Outcome::Ignored,
        "wait" => Outcome::Wait {
            until: until.unwrap_or(0),
            reason: reason()?,
            alone: result.flag("alone")?,
        },
        "retry" => Outcome::Retry {
            until,
            reason: reason()?,
        },
        "dead" => Outcome::Dead { reason: reason()? },
        other => {
            return Err(Error::Argument(format!(
                "finish: {other:?} is not an outcome"
            )));
        }
    };
    Ok((inbox, outcome))
}

fn dead_letter_filter(filter: Facts<'_>) -> Result<DeadLetterFilter> {
    Ok(DeadLetterFilter {
        direction: match filter.text_if("direction")? {
            None => None,
            Some("in") => Some(Direction::In),
            Some("out") => Some(Direction::Out),
            Some(other) => {
                return Err(Error::Argument(format!(
                    "deadLetters: {other:?} is no direction: in or out"
                )));
            }
        },
        peering: filter
            .number_if("peering")?
            .and_then(|id| id.try_into().ok()),
        after: filter
            .number_if("after")?
            .and_then(|id| id.try_into().ok())
            .unwrap_or(0),
        limit: filter
            .number_if("limit")?
            .and_then(|limit| limit.try_into().ok())
            .unwrap_or(0),
    })
}

fn peering_status(peering: &PeeringStatus) -> Result<ZBox<ZendHashTable>> {
    let time = |ms: Option<u64>| ms.map(count);
    let out = &peering.out;
    Ok(Out::new()
        .set("backlog", count(peering.backlog))?
        .set("epoch", out.epoch.as_deref())?
        .set("seq", count(out.next_seq))?
        .set("attempts", i64::from(out.attempts))?
        .set("failing_since", time(out.failing_since))?
        .set("last_success", time(out.last_success))?
        .set("last_error", out.last_error.as_deref())?
        .set("last_status", out.last_status.map(i64::from))?
        .set("next_attempt", count(out.next_attempt))?
        .set("stopped", out.stopped.map(|stopped| stopped.as_str()))?
        .set("resync_due", out.resync_due)?
        .set(
            "epoch_in",
            peering.line_in.as_ref().map(|line| line.epoch.as_str()),
        )?
        .set(
            "seq_in",
            peering.line_in.as_ref().map(|line| count(line.last_seq)),
        )?
        .done())
}
