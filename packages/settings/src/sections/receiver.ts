/** Settings of the receiver: who may send, when a study is complete, and the limits of what comes in. */
import { parseCallers } from '../aeTitles.ts';
import { list, oneOf, parsed, wholeNumber } from '../readers.ts';
import type { SettingTable } from '../setting.ts';

export const RECEIVER = {
  dicomPort: { name: 'ICHOR_DICOM_PORT', reader: wholeNumber(0, 65_535), default: '11112', about: 'DICOM port' },
  callers: {
    name: 'ICHOR_CALLERS',
    reader: parsed('AET[@address],…', parseCallers),
    default: '',
    about: 'allowed calling AE titles; empty allows any',
  },
  priorityCallers: {
    name: 'ICHOR_PRIORITY_CALLERS',
    reader: list,
    default: '',
    about: 'calling AE titles whose studies go first (emergency scanners)',
  },
  otherStorage: {
    name: 'ICHOR_OTHER_STORAGE',
    reader: oneOf('store', 'ignore'),
    default: 'store',
    about: 'other storage SOP classes that a scanner sends along are stored or ignored',
  },
  quietPeriodMs: {
    name: 'ICHOR_QUIET_PERIOD_MS',
    reader: wholeNumber(0, 86_400_000, 'ms'),
    default: '10000',
    about: 'a series is complete after this long without a new instance',
  },
  maxAgeMs: {
    name: 'ICHOR_MAX_AGE_MS',
    reader: wholeNumber(1_000, 604_800_000, 'ms'),
    default: '1800000',
    about: 'a study is analysed after this long even if instances still arrive',
  },
  diskFloorBytes: {
    name: 'ICHOR_DISK_FLOOR_BYTES',
    reader: wholeNumber(0, Number.MAX_SAFE_INTEGER, 'bytes'),
    default: '1073741824',
    about: 'below this much free space instances are refused with 0xA700',
  },
  maxInstanceBytes: {
    name: 'ICHOR_MAX_INSTANCE_BYTES',
    reader: wholeNumber(1_024, 2_147_483_647, 'bytes'),
    default: '1073741824',
    about: 'largest instance accepted',
  },
  maxMemoryBytes: {
    name: 'ICHOR_MAX_MEMORY_BYTES',
    reader: wholeNumber(1_048_576, Number.MAX_SAFE_INTEGER, 'bytes'),
    default: '2147483648',
    about: 'memory of all that is being received at once',
  },
  maxAssociations: {
    name: 'ICHOR_MAX_ASSOCIATIONS',
    reader: wholeNumber(1, 10_000),
    default: '100',
    about: 'associations open at once',
  },
  maxAssociationsPerAddress: {
    name: 'ICHOR_MAX_ASSOCIATIONS_PER_ADDRESS',
    reader: wholeNumber(1, 10_000),
    default: '50',
    about: 'associations open at once from one address; a gateway or NAT that brings many scanners needs as many',
  },
  maxUnassociatedPerAddress: {
    name: 'ICHOR_MAX_UNASSOCIATED_PER_ADDRESS',
    reader: wholeNumber(1, 10_000),
    default: '32',
    about: 'connections of one address without an association (yet); one more pushes out the oldest of them',
  },
  artimMs: {
    name: 'ICHOR_ARTIM_MS',
    reader: wholeNumber(100, 600_000, 'ms'),
    default: '30000',
    about: 'a peer must send its A-ASSOCIATE-RQ, and close after our last word, within this time',
  },
  idleTimeoutMs: {
    name: 'ICHOR_IDLE_TIMEOUT_MS',
    reader: wholeNumber(100, 86_400_000, 'ms'),
    default: '60000',
    about: 'an association without traffic is aborted after this long',
  },
  minBytesPerSecond: {
    name: 'ICHOR_MIN_BYTES_PER_SECOND',
    reader: wholeNumber(1, 1_000_000_000, 'bytes/s'),
    default: '1000',
    about: 'an instance that comes slower, over the idle timeout, is broken off; while memory is short much sooner',
  },
} satisfies SettingTable;
