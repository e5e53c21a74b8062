/** Settings of every role: where data, database and queue are, and what the log says. */
import { address, aeTitle, anyText, oneOf, path, url, wholeNumber } from '../readers.ts';
import type { SettingTable } from '../setting.ts';

export const EVERY_ROLE = {
  configPath: {
    name: 'ICHOR_CONFIG',
    reader: path,
    default: null,
    about: 'a YAML file with settings of the same names; the environment wins over it',
  },
  dataDir: {
    name: 'ICHOR_DATA_DIR',
    reader: path,
    default: './data',
    about: 'spool, derived objects, embedded database, logs',
  },
  storeUrl: {
    name: 'ICHOR_STORE_URL',
    reader: address,
    default: null,
    unset: 'the data folder',
    about: 'where received instances and derived objects are kept, file:///folder',
  },
  aeTitle: {
    name: 'ICHOR_AE_TITLE',
    reader: aeTitle,
    default: 'ICHOR',
    about: 'our AE title; an association called otherwise is rejected',
  },
  bind: {
    name: 'ICHOR_BIND',
    reader: anyText,
    default: '127.0.0.1',
    about: 'address that the DICOM and HTTP ports bind to',
  },
  databaseUrl: {
    name: 'ICHOR_DATABASE_URL',
    reader: url('postgres', 'postgresql'),
    default: null,
    unset: 'embedded, under ICHOR_DATA_DIR',
    about: 'PostgreSQL; unset: an embedded one under the data folder',
  },
  queueUrl: {
    name: 'ICHOR_QUEUE_URL',
    reader: url('redis', 'rediss', 'postgres', 'postgresql'),
    default: null,
    unset: 'the database',
    about: 'Redis or PostgreSQL for the queues; unset: the database',
  },
  incidentDays: {
    name: 'ICHOR_INCIDENT_DAYS',
    reader: wholeNumber(1, 3_650, 'days'),
    default: '90',
    about: 'incidents are removed this many days after they happened last; the newest 100,000 are kept at most',
  },
  logLevel: {
    name: 'ICHOR_LOG_LEVEL',
    reader: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    default: 'info',
    about: 'how much the log says',
  },
} satisfies SettingTable;
