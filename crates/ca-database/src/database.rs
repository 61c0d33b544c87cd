//! The database of a CA: its tables, found by name.

use std::fmt;

use ese::{Database, PageSource, ReadError, Row};

use crate::bind::{Bound, Cells};
use crate::row::{self, Attribute, CertificateRow, CrlRow, Extension};
use crate::walk::{Lost, Merged, Walker};
use crate::{RequestSummary, row::RequestRow};

/// The database of a CA, open for reading.
///
/// `Send`, not `Sync`: each thread opens its own over a shared source.
pub struct CaDatabase<S> {
    database: Database<S>,
    requests: Option<Bound>,
    certificates: Option<Bound>,
    extensions: Option<Bound>,
    attributes: Option<Bound>,
    crls: Option<Bound>,
}

/// Why a file is no database of a CA.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// It cannot be read as a database.
    Read(ReadError),
    /// It is a database, but has neither requests nor certificates.
    NoTables {
        /// What of its catalog could not be read: with that, the tables may be there.
        catalog: Option<ReadError>,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "{error}"),
            Self::NoTables { catalog: None } => {
                f.write_str("is no database of a CA: it has no table Requests and no table Certificates")
            }
            Self::NoTables { catalog: Some(error) } => {
                write!(f, "the tables of the CA cannot be found, the catalog is damaged: {error}")
            }
        }
    }
}

impl std::error::Error for OpenError {}

const ID: &str = "RequestID";

impl<S: PageSource> CaDatabase<S> {
    /// Opens a database file, or a streamed copy of one.
    ///
    /// # Errors
    /// It cannot be read, or is not that of a CA.
    pub fn open(source: S) -> Result<Self, OpenError> {
        Self::of(Database::open(source).map_err(OpenError::Read)?)
    }

    /// The CA's view of a database that is open already.
    ///
    /// # Errors
    /// It is not that of a CA.
    pub fn of(database: Database<S>) -> Result<Self, OpenError> {
        let bound = |name: &str, columns| database.table(name).map(|table| Bound::new(table, columns));
        let requests = bound("Requests", row::REQUEST_COLUMNS);
        let certificates = bound("Certificates", row::CERTIFICATE_COLUMNS);
        if requests.is_none() && certificates.is_none() {
            return Err(OpenError::NoTables { catalog: database.catalog_errors().first().cloned() });
        }
        let extensions = bound("CertificateExtensions", row::EXTENSION_COLUMNS);
        let attributes = bound("RequestAttributes", row::ATTRIBUTE_COLUMNS);
        let crls = bound("CRLs", row::CRL_COLUMNS);
        Ok(Self { requests, certificates, extensions, attributes, crls, database })
    }

    /// The database under it.
    pub fn database(&self) -> &Database<S> {
        &self.database
    }

    /// Tables of a CA that the catalog does not have. A sound database of any version has all of them.
    pub fn missing_tables(&self) -> Vec<&'static str> {
        let tables = [
            ("Requests", &self.requests),
            ("Certificates", &self.certificates),
            ("CertificateExtensions", &self.extensions),
            ("RequestAttributes", &self.attributes),
            ("CRLs", &self.crls),
        ];
        tables.into_iter().filter(|(_, bound)| bound.is_none()).map(|(name, _)| name).collect()
    }

    /// The rows of Certificates with their requests, in the order of request numbers. Rows of requests that
    /// were not granted have no certificate: [`crate::CertificateSummary::is_issued`].
    ///
    /// What cannot be read is an `Err`, and the rest follows.
    pub fn certificates(&self) -> impl Iterator<Item = Result<CertificateRow, Lost>> + '_ {
        let merged = Merged::new(self.walk_certificates(), self.walk_requests());
        merged.filter_map(|found| {
            found.map(|(id, row, request)| self.certificate_row(id, &row, request.as_ref())).transpose()
        })
    }

    /// The requests in the order of their numbers. What cannot be read is an `Err`, and the rest follows.
    pub fn requests(&self) -> impl Iterator<Item = Result<RequestSummary, Lost>> + '_ {
        let merged = Merged::new(self.walk_requests(), self.walk_certificates());
        merged.filter_map(|found| {
            let row = found.map(|(id, row, certificate)| self.request_row(id, &row, certificate.as_ref()));
            row.map(|row| row.map(|row| row.summary)).transpose()
        })
    }

    /// The highest number of a request; reads a few pages where the table is kept in that order. `None`:
    /// there are no requests.
    ///
    /// Of a database in motion it can be too low: the newest page may not be where its parent says.
    ///
    /// # Errors
    /// A page on the way to it is damaged.
    pub fn highest_request(&self) -> Result<Option<i32>, ReadError> {
        let Some(bound) = &self.requests else { return Ok(None) };
        if !bound.table.primary().is_some_and(|primary| bound.leads(ID, &primary.segments)) {
            let mut numbers =
                self.walk_requests().map(|row| row.map(|(id, _)| id).map_err(|lost| lost.error));
            return numbers.try_fold(None, |highest, id| Ok(highest.max(Some(id?))));
        }
        // Between them lies the first number that no row reaches.
        let (mut low, mut high) = (0_i64, 1_i64 << 31);
        while low < high {
            let middle = low.midpoint(high);
            let from = key(i32::try_from(middle).unwrap_or(i32::MAX));
            // In a database in motion the way down may end among lower rows.
            let reaches =
                |row: &Result<Row, ReadError>| row.as_ref().map_or(true, |row| row.key() >= from.as_slice());
            match self.database.rows_from(&bound.table, &from).find(reaches).transpose()? {
                Some(_) => low = middle.saturating_add(1),
                None => high = middle,
            }
        }
        Ok(i32::try_from(low.saturating_sub(1)).ok().filter(|id| *id >= 0))
    }

    /// The certificate revocation lists in the order of their rows. What cannot be read is an `Err`, and the
    /// rest follows.
    pub fn crls(&self) -> impl Iterator<Item = Result<CrlRow, Lost>> + '_ {
        let rows = Walker::new(&self.database, self.crls.as_ref(), "CRLs", "RowId");
        rows.filter_map(|found| found.map(|(id, row)| self.crl_row(id, &row)).transpose())
    }

    /// The certificate of a request. `None`: there is no such row.
    ///
    /// # Errors
    /// A page on the way to it is damaged.
    pub fn certificate(&self, request_id: i32) -> Result<Option<CertificateRow>, ReadError> {
        let Some(row) = self.find(self.certificates.as_ref(), request_id)? else { return Ok(None) };
        let request = self.find(self.requests.as_ref(), request_id)?;
        Ok(self.certificate_row(request_id, &row, request.as_ref()))
    }

    /// A request with its bytes. `None`: there is no such row.
    ///
    /// # Errors
    /// A page on the way to it is damaged.
    pub fn request(&self, request_id: i32) -> Result<Option<RequestRow>, ReadError> {
        let Some(row) = self.find(self.requests.as_ref(), request_id)? else { return Ok(None) };
        let certificate = self.find(self.certificates.as_ref(), request_id)?;
        let Some(mut found) = self.request_row(request_id, &row, certificate.as_ref()) else {
            return Ok(None);
        };
        if let Some(bound) = &self.requests {
            let mut cells = Cells::new(&self.database, bound, &row);
            found.raw = cells.bytes("RawRequest");
            found.summary.error = found.summary.error.or(cells.error);
        }
        Ok(Some(found))
    }

    /// The extensions that the CA keeps of a certificate.
    ///
    /// # Errors
    /// A page on the way to them is damaged.
    pub fn extensions(&self, request_id: i32) -> Result<Vec<Extension>, ReadError> {
        let rows = self.related(self.extensions.as_ref(), request_id)?;
        let cells = |row| self.extensions.as_ref().map(|bound| Cells::new(&self.database, bound, row));
        Ok(rows.iter().filter_map(cells).map(row::extension).collect())
    }

    /// The attributes of a request.
    ///
    /// # Errors
    /// A page on the way to them is damaged.
    pub fn attributes(&self, request_id: i32) -> Result<Vec<Attribute>, ReadError> {
        let rows = self.related(self.attributes.as_ref(), request_id)?;
        let cells = |row| self.attributes.as_ref().map(|bound| Cells::new(&self.database, bound, row));
        Ok(rows.iter().filter_map(cells).map(row::attribute).collect())
    }

    fn walk_requests(&self) -> Walker<'_, S> {
        Walker::new(&self.database, self.requests.as_ref(), "Requests", ID)
    }

    fn walk_certificates(&self) -> Walker<'_, S> {
        Walker::new(&self.database, self.certificates.as_ref(), "Certificates", ID)
    }

    fn certificate_row(&self, id: i32, row: &Row, request: Option<&Row>) -> Option<CertificateRow> {
        let cells = Cells::new(&self.database, self.certificates.as_ref()?, row);
        let request = request.zip(self.requests.as_ref());
        let request = request.map(|(row, bound)| Cells::new(&self.database, bound, row));
        Some(row::certificate(id, cells, request))
    }

    fn request_row(&self, id: i32, row: &Row, certificate: Option<&Row>) -> Option<RequestRow> {
        let cells = Cells::new(&self.database, self.requests.as_ref()?, row);
        let certificate = certificate.zip(self.certificates.as_ref());
        let certificate = certificate.map(|(row, bound)| Cells::new(&self.database, bound, row));
        Some(row::request(id, cells, certificate))
    }

    fn crl_row(&self, id: i32, row: &Row) -> Option<CrlRow> {
        Some(row::crl(id, Cells::new(&self.database, self.crls.as_ref()?, row)))
    }

    /// The row of a table whose primary key is the request's number.
    fn find(&self, bound: Option<&Bound>, request_id: i32) -> Result<Option<Row>, ReadError> {
        let Some(bound) = bound else { return Ok(None) };
        if bound.table.primary().is_some_and(|primary| bound.leads(ID, &primary.segments)) {
            return self.database.row(&bound.table, &key(request_id));
        }
        Ok(self.related(Some(bound), request_id)?.into_iter().next())
    }

    /// The rows of a table that belong to a request: through an index that begins with its number, or else
    /// through all rows.
    fn related(&self, bound: Option<&Bound>, request_id: i32) -> Result<Vec<Row>, ReadError> {
        let Some(bound) = bound else { return Ok(Vec::new()) };
        let key = key(request_id);
        let indexes = || bound.table.indexes.iter().filter(|index| bound.leads(ID, &index.segments));
        if indexes().any(|index| index.flags.is_primary()) {
            let rows = self.database.rows_from(&bound.table, &key);
            return rows
                .take_while(|row| row.as_ref().map_or(true, |row| row.key().starts_with(&key)))
                .collect();
        }
        if let Some(index) = indexes().next() {
            let nodes = self.database.nodes_from(index.root, &key);
            let nodes =
                nodes.take_while(|node| node.as_ref().map_or(true, |node| node.key.starts_with(&key)));
            let live = nodes.filter(|node| node.as_ref().map_or(true, |node| !node.flags.is_deleted()));
            let rows = live.map(|node| node.and_then(|node| self.database.row(&bound.table, &node.data)));
            return rows.filter_map(Result::transpose).collect();
        }
        let belongs = |row: &Row| Cells::new(&self.database, bound, row).long(ID) == Some(request_id);
        self.database.rows(&bound.table).filter(|row| row.as_ref().map_or(true, belongs)).collect()
    }
}

/// The key of a request's number: a mark that it is not NULL, then the number with its sign turned, high byte
/// first (format digest section 8).
fn key(request_id: i32) -> [u8; 5] {
    let [a, b, c, d] = (request_id.cast_unsigned() ^ 0x8000_0000).to_be_bytes();
    [0x7f, a, b, c, d]
}
