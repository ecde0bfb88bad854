"""Kinds of database objects: which word names them, and what making, changing or losing one means."""

from firewall.classify.sql.reading import Statement, wordset

KINDS = wordset(
    """TABLE VIEW INDEX SCHEMA DATABASE SEQUENCE FUNCTION PROCEDURE PROC ROUTINE TRIGGER EVENT TYPE DOMAIN
    AGGREGATE OPERATOR CAST COLLATION CONVERSION EXTENSION LANGUAGE RULE POLICY PUBLICATION SUBSCRIPTION
    SERVER STATISTICS TABLESPACE TRANSFORM ROLE USER GROUP LOGIN OWNED SYNONYM PACKAGE PROFILE CLUSTER
    DIRECTORY LIBRARY CONTEXT DIMENSION OUTLINE MODEL CONNECTION ASSIGNMENT RESERVATION CAPACITY BI_CAPACITY
    SNAPSHOT STAGE STREAM TASK PIPE TAG SHARE WAREHOUSE INTEGRATION ALERT APPLICATION SERVICE NOTEBOOK
    STREAMLIT SECRET REPOSITORY DATASHARE MACRO DICTIONARY CREDENTIAL CERTIFICATE KEY ASSEMBLY CATALOG
    STOPLIST ENDPOINT QUEUE CONTRACT MESSAGE ROUTE AUDIT DEFAULT PROJECTION FOREIGN VOLUME MONITOR POOL
    ACCOUNT ORGANIZATION PROJECT SESSION SYSTEM AUTHORIZATION ACCESS TEXT FORMAT RULES PRIVILEGES RESOURCE
    NAMESPACE KEYSPACE WORKLOAD LINK JAVA QUOTA PARTITION SCRIPT PREPARE COLUMN CONSTRAINT TEMPLATE CONSUMER
    PROVIDER CATALOGS LISTING COMPUTE FAMILY CLASS DATASET BACKUP SOURCE SINK FILE FIREWALL INSTANCE LOGFILE
    MASK DATASPACE COLLECTION SIGNATURE ENCRYPTION SELECTIVE FULLTEXT XML SYMMETRIC ASYMMETRIC MASTER"""
)
"""Words that name a kind of object."""
_BEFORE = wordset(
    """OR REPLACE ALTER REFRESH GLOBAL LOCAL TEMP TEMPORARY TRANSIENT VOLATILE UNLOGGED EXTERNAL DYNAMIC HYBRID
    ICEBERG MATERIALIZED RECURSIVE SECURE UNIQUE CLUSTERED NONCLUSTERED COLUMNSTORE BITMAP SPATIAL PRIVATE
    PUBLIC FORCE NOFORCE EDITIONABLE NONEDITIONABLE MULTISET SET VIRTUAL TRUSTED PROCEDURAL CONSTRAINT ONLINE
    OFFLINE IGNORE BODY SEARCH VECTOR LIVE STREAMING CORTEX GIT API SECURITY STORAGE NOTIFICATION NETWORK
    PASSWORD MASKING ROW SESSION AUTHENTICATION AGGREGATION PROJECTION JOIN PRIVACY PACKAGES FEATURE DATA
    METRIC COLUMN SHARDED DUPLICATE IMMUTABLE BLOCKCHAIN PLUGGABLE FLASHBACK SMALLFILE BIGFILE UNDO HASH
    PRIMARY COMPUTE RESOURCE EVENT RLS ATTRIBUTE SCOPED DATABASE MAPPING SPATIAL XML SELECTIVE STATELESS
    ROUTINE MANAGED REMOTE SIMPLE CASE-SENSITIVE READ WRITE ONLY NO FULL DEFINE LOADABLE FILTER PARSER SCALAR
    ANALYTIC ANALYTICS STATISTICAL FEDERATED SERVICES SERVER SERVICE EXTENDED
    INTERACTIVE IMAGE REPLICATION FAILOVER SEMANTIC MCP DBT DCM LIFECYCLE"""
)
_TWO: dict[str, frozenset[str]] = {
    first: wordset(rest)
    for first, _, rest in (
        line.strip().partition(" ")
        for line in """
    FOREIGN TABLE DATA
    TEXT SEARCH
    FULLTEXT INDEX CATALOG STOPLIST
    ACCESS METHOD
    DEFAULT PRIVILEGES
    XML SCHEMA INDEX
    SYMMETRIC KEY
    ASYMMETRIC KEY
    MASTER KEY
    RESOURCE MONITOR GROUP POOL
    MESSAGE TYPE
    COMPUTE POOL
    USER MAPPING GROUP DEFINED
    EVENT TRIGGER TABLE SESSION
    SEARCH PROPERTY
    SERVER ROLE AUDIT
    OPERATOR CLASS FAMILY
    DATABASE SCOPED LINK ROLE AUDIT ENCRYPTION
    APPLICATION PACKAGE ROLE
    FILE FORMAT
    EXTERNAL DATA FILE LIBRARY LANGUAGE MODEL RESOURCE
    NETWORK POLICY RULE
    PACKAGE BODY
    TYPE BODY
    SELECTIVE XML
    WORKLOAD GROUP
    DATA SOURCE
    SNAPSHOT TABLE POLICY SET
    TABLE FUNCTION
    ROW ACCESS POLICY
    COLUMN MASTER ENCRYPTION
    SCHEMA BINDING
    MATERIALIZED VIEW
    CATALOG INTEGRATION
    ROUTINE LOAD
    ROLE MAPPING
    JOB SCHEDULE
""".strip().splitlines()
    )
}
"""Words that make a kind together: `EVENT TRIGGER`, `TEXT SEARCH`."""
PRIVILEGED = wordset(
    """ROLE USER GROUP LOGIN POLICY CREDENTIAL INTEGRATION SHARE SECRET AUTHORIZATION PRIVILEGES CERTIFICATE
    PROFILE DATASHARE MAPPING AUDIT FIREWALL ENDPOINT ASYMMETRIC SYMMETRIC LISTING MASK SIGNATURE QUOTA"""
)
"""Objects that say who may do what."""


_BEHIND = wordset(
    "CREDENTIAL COLLECTION WRAPPER CONFIGURATION DICTIONARY POLICY TEMPLATE PARSER GROUP SOURCE FORMAT LIST ROLE"
)


def kind_of(statement: Statement, start: int) -> tuple[str, int]:
    """Return the kind of the object named from an index on (`MATERIALIZED VIEW`), and the index behind it."""
    index, words = start, list[str]()
    while index - start < 8:
        word = statement.word(index)
        following = statement.word(index + 1)
        if word in _TWO and following in _TWO[word]:
            words += [word, following]
            index += 2
            if following in ("SEARCH", "DATA", "SCOPED", "XML", "ACCESS", "EXTERNAL", "ENCRYPTION", "PROPERTY"):
                words.append(statement.word(index))
                index += 1
            break
        if word in KINDS and not (word in _BEFORE and following in KINDS and following not in _BEFORE):
            words.append(word)
            index += 1
            break
        if word not in _BEFORE:
            break
        words.append(word)
        index += 1
    if words and statement.word(index) in _BEHIND:
        words.append(statement.word(index))
        index += 1
    return " ".join(word for word in words if word), index


def kind_start(statement: Statement) -> int:
    """Return where the kind stands: behind `DEFINER = user@host`, `ALGORITHM = x`, `SQL SECURITY x`."""
    index = 1
    for _ in range(4):
        if statement.word(index) in ("OR", "REPLACE", "ALTER"):
            index += 1
            continue
        if statement.sign(index + 1) == "=" and statement.word(index) in ("DEFINER", "ALGORITHM"):
            index += 3
            while statement.word(index).startswith("@") or statement.sign(index) in ("@", "(", ")"):
                index += 2 if statement.sign(index) == "@" else 1
        if statement.words(index, 2) == ("SQL", "SECURITY"):
            index += 4 if statement.sign(index + 2) == "=" else 3
    return index


def object_name(statement: Statement, index: int) -> tuple[str, int]:
    """Return the name behind a kind, past IF EXISTS, CONCURRENTLY and ON, and the index behind it."""
    index = statement.skip(index, {"IF", "NOT", "EXISTS", "CONCURRENTLY", "ONLY", "ON", "FOR", "ALL"})
    return statement.name(index)
