use std::future::poll_fn;
use std::slice;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Row};

use super::loan::{self, Lender};
use super::login::{Login, NO_ENCODING, ServerFacts};
use super::raw_stream::AlreadyNegotiated;
use super::settings::{self, Stands, Startup};
use super::socket::{Address, Dialer, Encryption};
use crate::pg::conninfo::{Conninfo, RequiredAuth};
use crate::pg::error::{Error, ServerMessage, server_message};
use crate::pg::notices::Notices;
use crate::pg::raw_text;

/// How long a server may take to let go of a session that says goodbye.
const FAREWELL: Duration = Duration::from_secs(5);

/// An open session of a server. The messages of its connection are moved by a task of the current tokio runtime, which
/// ends with the session: by [`close`](Self::close), or some time after a drop.
pub struct Session {
    client: Client,
    driver: JoinHandle<Result<(), tokio_postgres::Error>>,
    lender: Lender,
    facts: ServerFacts,
    startup: Startup,
    canceller: Canceller,
    /// What the server said as it ended the session, which the statement that meets the end does not learn.
    last_words: Arc<OnceLock<ServerMessage>>,
    notices: Arc<Mutex<Notices>>,
}

/// The right to interrupt what a session is doing, apart from the session itself.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    conninfo: Conninfo,
    address: Address,
    encryption: Encryption,
}

impl Session {
    /// `conninfo` names the one server that was reached.
    pub(super) fn start(login: Login, conninfo: Conninfo, address: Address, encryption: Encryption) -> Self {
        let Login { client, mut connection, lender, facts, startup } = login;
        match facts.encoding == NO_ENCODING {
            true => lender.give_spelled(),
            false => lender.give(),
        }
        let last_words = Arc::new(OnceLock::new());
        let heard = last_words.clone();
        let notices = Arc::new(Mutex::new(Notices::default()));
        let noted = notices.clone();
        let driver = tokio::spawn(async move {
            loop {
                match poll_fn(|cx| connection.poll_message(cx)).await {
                    Some(Ok(AsyncMessage::Notice(notice))) => {
                        noted.lock().unwrap_or_else(PoisonError::into_inner).hear(notice.severity(), notice.message());
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => {
                        if let Some(message) = server_message(&error) {
                            let _ = heard.set(message);
                        }
                        return Err(error);
                    }
                    None => return Ok(()),
                }
            }
        });
        let canceller = Canceller { token: client.cancel_token(), conninfo, address, encryption };
        Self { client, driver, lender, facts, startup, canceller, last_words, notices }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// For transactions, which tokio-postgres ties to an exclusive borrow.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// `server_version_num`, such as 160004.
    pub fn server_version_num(&self) -> u32 {
        self.facts.version_num
    }

    /// The encoding of the database as PostgreSQL calls it, such as `UTF8` or `SQL_ASCII`.
    pub fn server_encoding(&self) -> &str {
        &self.facts.encoding
    }

    /// Whether texts are bytes, which this session has spelled: [`bytes`](crate::spelling::bytes).
    pub fn has_no_encoding(&self) -> bool {
        self.facts.encoding == NO_ENCODING
    }

    /// The process number of the backend, as in `pg_stat_activity`.
    pub fn backend_pid(&self) -> i32 {
        self.facts.backend_pid
    }

    /// The settings by which others (a second session, `pg_dump`) reach the very server that this session is on, at
    /// the same address.
    pub fn conninfo(&self) -> &Conninfo {
        &self.canceller.conninfo
    }

    /// `PGOPTIONS` with which a child (`pg_dump`) has the settings of our sessions.
    pub fn child_options(&self) -> Option<String> {
        let startup = match self.startup {
            Startup::Statements => Startup::Statements,
            _ => Startup::OptionsOf(self.facts.version_num),
        };
        settings::startup_options(self.conninfo().options(), Stands::ForUs, startup, &[])
    }

    /// The short human form of the server, for messages.
    pub fn endpoint(&self) -> String {
        self.canceller.endpoint()
    }

    /// What a failed query of this session means; `context` says what was asked.
    pub fn fault(&self, context: impl Into<String>, error: tokio_postgres::Error) -> Error {
        match self.last_words.get() {
            Some(said) if error.is_closed() => Error::from_message(&self.endpoint(), context, said.clone()),
            _ => Error::from_query(&self.endpoint(), context, error),
        }
    }

    /// Runs statements whose results nobody wants. `context` is what an error says that was tried.
    pub async fn run(&self, context: &str, sql: &str) -> Result<(), Error> {
        self.client().batch_execute(sql).await.map_err(|error| self.fault(context, error))
    }

    /// The rows of a query, whose texts are UTF-8: [`Row::get`] may read them.
    ///
    /// # Errors
    /// The server refuses it, or a text is no UTF-8 ([`Error::NoText`]).
    pub async fn rows(&self, context: &str, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let rows = self.raw_rows(context, sql, parameters).await?;
        self.are_text(context, &rows).map(|()| rows)
    }

    fn are_text(&self, context: &str, rows: &[Row]) -> Result<(), Error> {
        match raw_text::no_text(rows) {
            None => Ok(()),
            Some(text) => {
                Err(Error::NoText { endpoint: self.endpoint(), objects: vec![format!("{text} ({context})")] })
            }
        }
    }

    /// The same, with texts that may be of another encoding: to be read as [`RawText`](raw_text::RawText).
    pub async fn raw_rows(
        &self,
        context: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.client().query(sql, parameters).await.map_err(|error| self.fault(context, error))
    }

    /// The row of a query that has one; see [`Session::rows`].
    pub async fn row(&self, context: &str, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        let row = self.client().query_one(sql, parameters).await.map_err(|error| self.fault(context, error))?;
        self.are_text(context, slice::from_ref(&row)).map(|()| row)
    }

    /// The first column of a query's rows.
    pub async fn texts(
        &self,
        context: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<String>, Error> {
        Ok(self.rows(context, sql, parameters).await?.iter().map(|row| row.get(0)).collect())
    }

    /// The first column of a query's rows, for people: see [`RawText::shown`](raw_text::RawText::shown).
    pub async fn shown(
        &self,
        context: &str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<String>, Error> {
        let rows = self.raw_rows(context, sql, parameters).await?;
        Ok(rows.iter().map(|row| row.get::<_, raw_text::RawText>(0).shown()).collect())
    }

    /// The server's warnings since the session began, or since they were last taken.
    pub fn take_notices(&self) -> Notices {
        std::mem::take(&mut *self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// See [`Canceller::cancel`].
    pub async fn cancel(&self) -> Result<(), Error> {
        self.canceller.cancel().await
    }

    /// Says goodbye and waits until the backend has left the database, so that a `DROP DATABASE` may follow. A server
    /// that does not answer is given five seconds.
    ///
    /// # Errors
    /// The connection had been lost before.
    pub async fn close(self) -> Result<(), Error> {
        let Self { client, mut driver, lender, canceller, .. } = self;
        // Without a client the driver sends Terminate, flushes, and shuts its half of the socket down.
        drop(client);
        let lost = |error: tokio_postgres::Error| Error::from_query(&canceller.endpoint(), "closing a session", error);
        match tokio::time::timeout(FAREWELL, &mut driver).await {
            Err(_) => {
                driver.abort();
                return Ok(());
            }
            Ok(Ok(ended)) => ended.map_err(lost)?,
            // The task was aborted or panicked: the runtime is going down, and the socket with it.
            Ok(Err(_)) => return Ok(()),
        }
        let _ = tokio::time::timeout(FAREWELL, lender.wait_for_end()).await;
        Ok(())
    }
}

impl Canceller {
    fn endpoint(&self) -> String {
        self.conninfo.endpoints().first().map_or_else(String::new, ToString::to_string)
    }

    /// Asks the server to interrupt the session's current statement, and waits until the request has been handled. The
    /// statement then fails with SQLSTATE 57014; if it had ended already, nothing happens.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn cancel(&self) -> Result<(), Error> {
        let Some(endpoint) = self.conninfo.endpoints().first() else { return Ok(()) };
        let dialer = Dialer { endpoint, tls: self.conninfo.tls(), keepalives: self.conninfo.keepalives() };
        let request = async {
            let stream = dialer.dial(&self.address, self.encryption).await?;
            let (loan, lender) = loan::lend(stream, RequiredAuth::Any);
            self.token
                .cancel_query_raw(loan, AlreadyNegotiated)
                .await
                .map_err(|error| Error::from_query(&endpoint.to_string(), "cancelling a statement", error))?;
            // The server closes when it has signalled the backend; before that the next statement could be hit.
            lender.wait_for_end().await;
            Ok(())
        };
        match self.conninfo.connect_timeout() {
            None => request.await,
            Some(limit) => tokio::time::timeout(limit, request)
                .await
                .map_err(|_| Error::ConnectTimeout { endpoint: endpoint.to_string(), after: limit })?,
        }
    }
}
