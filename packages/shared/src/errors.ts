/**
 * Every error that Ichor raises, in one table. `docs/failures.md` is checked against it by a test.
 *
 * `retryable` tells a transient fault (worth another try) from a permanent one (a dead letter with its reason).
 * `{fact}` in a message is filled from the facts given to {@link IchorError}; facts never hold patient data.
 */
export const ERRORS = {
  CONFIG_INVALID: { retryable: false, message: 'Configuration: {problems}' },
  DATA_DIR_UNUSABLE: { retryable: false, message: 'The data folder {path} cannot be used: {reason}. {remedy}' },
  PORT_IN_USE: {
    retryable: false,
    message: 'Port {port} on {address} is taken. Stop the other program or set {variable}.',
  },
  ADDRESS_UNUSABLE: {
    retryable: false,
    message: 'Nothing can listen on {address}:{port}: {reason}. Correct ICHOR_BIND or {variable}.',
  },
  DATABASE_UNAVAILABLE: {
    retryable: true,
    message:
      'The database does not answer or cannot work: {reason}. Check ICHOR_DATABASE_URL, that PostgreSQL runs, and its disk.',
  },
  DATABASE_START_FAILED: {
    retryable: false,
    message: 'The embedded PostgreSQL under {path} did not start: {reason}. {remedy}',
  },
  DATABASE_TOO_OLD: {
    retryable: false,
    message:
      'The database is PostgreSQL {found}; Ichor needs {needed} or later. Upgrade it, or set ICHOR_DATABASE_URL.',
  },
  SCHEMA_TOO_NEW: {
    retryable: false,
    message:
      'A later version of Ichor has changed the database ({migrations}), and this one does not know it. Start that version again, or restore the backup from before its first start.',
  },
  QUEUE_UNAVAILABLE: { retryable: true, message: 'The queue does not answer: {reason}. Check ICHOR_QUEUE_URL.' },
  DISK_BELOW_FLOOR: {
    retryable: true,
    message:
      'Only {freeBytes} bytes are free under {path}; the floor is {floorBytes}. Free space, or lower ICHOR_DISK_FLOOR_BYTES.',
  },

  UID_INVALID: {
    retryable: false,
    message:
      '{name} "{uid}" is no valid UID (PS3.5 §9: digits and dots, at most 64 characters). Correct it at the sender.',
  },
  UID_MISSING: { retryable: false, message: 'The instance has no {name}. Correct it at the sender.' },
  IDENTITY_MISMATCH: {
    retryable: false,
    message: '{name} is {dataset} in the dataset but {command} in the C-STORE request. Correct it at the sender.',
  },
  SOP_CLASS_MISMATCH: {
    retryable: false,
    message: 'SOP Class {sopClassUid} was sent in a presentation context for {abstractSyntaxUid}.',
  },
  DATASET_UNREADABLE: {
    retryable: false,
    message: 'The dataset cannot be read: {reason}. Send the original instance again.',
  },
  INSTANCE_TOO_LARGE: {
    retryable: false,
    message: 'The instance exceeds {limitBytes} bytes. Raise ICHOR_MAX_INSTANCE_BYTES if such instances are expected.',
  },
  MEMORY_EXHAUSTED: {
    retryable: true,
    message: 'Too many instances are being received at once. Send again, or raise ICHOR_MAX_MEMORY_BYTES.',
  },
  INSTANCE_BROKEN_OFF: {
    retryable: true,
    message: 'The transfer of the instance broke off: {reason}. It is not stored; send it again.',
  },
  TRANSFER_BROKEN_OFF: {
    retryable: true,
    message:
      'An association that sent CT slices to the series ended without a release: {reason}. The series counts as incomplete until it is sent to again and released.',
  },
  DUPLICATE_SOP_INSTANCE: {
    retryable: false,
    message:
      'SOP Instance {sopInstanceUid} arrived again with other content. Both are kept; the study is not analysed unless their pixels agree.',
  },
  SPOOL_WRITE_FAILED: { retryable: true, message: 'The spool could not be written: {reason}.' },
  SPOOL_FOREIGN: {
    retryable: true,
    message:
      'The folder {path} is not the spool of this database: {reason}. Mount the right one; until then nothing is stored or analysed.',
  },
  FILE_UNREADABLE: {
    retryable: true,
    message:
      '{path} cannot be read: {reason}. Check that it is there, that its file system is mounted, and its permissions.',
  },

  NOT_DICOM: { retryable: false, message: '{path} is not a DICOM file: {reason}.' },
  TRANSFER_SYNTAX_UNSUPPORTED: {
    retryable: false,
    message: 'Transfer syntax {transferSyntaxUid} is not supported. Supported: {supported}.',
  },
  PIXEL_DATA_UNDECODABLE: {
    retryable: false,
    message: 'The slice in {sopInstanceUid} cannot be shown: {reason}. Look at the original in the PACS.',
  },
  ANALYSED_PIXELS_GONE: {
    retryable: false,
    message:
      'The pixels of {sopInstanceUid} that were analysed are not in the spool any more; others are not shown in their place. Look at the original in the PACS.',
  },
  DECODER_BUSY: {
    retryable: true,
    message: 'Too many slices wait to be decoded. Ask for this one again in a moment.',
  },
  DECODER_UNAVAILABLE: {
    retryable: true,
    message: 'The process that decodes slices gave no answer: {reason}. The next slice gets a new one.',
  },

  BUNDLE_INVALID: {
    retryable: false,
    message: 'The model bundle {path} is refused: {reason}. Run `ichor bundle verify {path}`.',
  },
  INFERENCE_TIMEOUT: { retryable: true, message: 'Inference took longer than {timeoutMs} ms and was stopped.' },
  INFERENCE_CRASHED: { retryable: true, message: 'The inference process ended unexpectedly ({reason}).' },
  INFERENCE_FAILED: { retryable: false, message: 'Inference failed: {reason}.' },
  REPORT_UNWRITABLE: {
    retryable: false,
    message:
      'The result of study {studyInstanceUid} stands, but its report cannot be written. Look at its attributes and at the log, then ask for the study again.',
  },
  OBJECTS_UNWRITABLE: {
    retryable: true,
    message:
      'The report of study {studyInstanceUid} cannot be written under {path}: {reason}. The result stands; the report follows once there is space and write access.',
  },
  ANALYSIS_ABANDONED: {
    retryable: false,
    message:
      'The analysis of study {studyInstanceUid} was begun {attempts} times, and each time its worker was killed. Look at the memory of the worker, then ask for the study again.',
  },
  STUDY_UNKNOWN: { retryable: false, message: 'Study {studyInstanceUid} is not known here.' },
  STUDY_CHANGED: {
    retryable: true,
    message: 'Study {studyInstanceUid} got another result while it was analysed; it is analysed again.',
  },
  RESULT_UNREADABLE: {
    retryable: false,
    message:
      'The stored result of study {studyInstanceUid} lacks what its state must carry, so that nothing is told from it. Restore the database from a backup.',
  },
  OBJECT_MISSING: {
    retryable: false,
    message:
      'The report or heat map {reference} is missing from the derived objects. Restore their folder from a backup, then run `ichor redeliver`.',
  },
  OBJECT_UNUSABLE: {
    retryable: false,
    message:
      'The report or heat map {sopInstanceUid} cannot be sent: {reason}. Restore the folder of derived objects from a backup, then run `ichor redeliver`.',
  },

  ASSOCIATION_REJECTED: {
    retryable: false,
    message: '{destination} rejected the association: {reason}. Check the AE titles on both sides.',
  },
  DESTINATION_UNREACHABLE: { retryable: true, message: '{destination} cannot be reached: {reason}.' },
  ASSOCIATION_LOST: { retryable: true, message: 'The association with {destination} broke off: {reason}.' },
  NO_PRESENTATION_CONTEXT: {
    retryable: false,
    message:
      '{destination} accepts no {sopClassName}. Enable that SOP Class there, or choose another report type for it.',
  },
  STORE_REFUSED: {
    retryable: false,
    message: '{destination} refused {sopInstanceUid} with status 0x{status}: {comment}',
  },
  STORE_OUT_OF_RESOURCES: { retryable: true, message: '{destination} is out of resources (status 0x{status}).' },
  STORE_MISANSWERED: {
    retryable: true,
    message:
      '{destination} was sent {sopInstanceUid} and answered for {other}; what it has is unknown. It is sent again.',
  },
  COMMITMENT_REFUSED: {
    retryable: true,
    message:
      '{destination} refused to be asked for storage commitment (status 0x{status}). It is asked again; the objects are stored there.',
  },
  COMMITMENT_UNANSWERED: {
    retryable: false,
    message:
      '{destination} accepted a storage commitment request and did not report within {ttlMs} ms. Check its way to the DICOM port of Ichor.',
  },
  COMMITMENT_FAILED: { retryable: true, message: '{destination} did not commit {sopInstanceUid}: reason 0x{reason}.' },
  DESTINATION_UNKNOWN: {
    retryable: false,
    message: '{destination} is not among ICHOR_DESTINATIONS any more. Add it again and run `ichor redeliver`.',
  },
  DELIVERY_EXPIRED: {
    retryable: false,
    message: '{destination} did not take {sopInstanceUid} within {ttlMs} ms: {reason}. Re-send with `ichor redeliver`.',
  },

  NOTIFICATION_UNREACHABLE: {
    retryable: true,
    message: '{destination} cannot be reached: {reason}. Check its address, and that it runs.',
  },
  NOTIFICATION_UNANSWERED: {
    retryable: true,
    message: '{destination} gave no usable answer: {reason}. The same message is sent again.',
  },
  NOTIFICATION_DEFERRED: { retryable: true, message: '{destination} did not take the message for now: {reason}.' },
  NOTIFICATION_REFUSED: {
    retryable: false,
    message: '{destination} refused the message: {reason}. Repair that, then `ichor notifications --resend ID`.',
  },
  NOTIFICATION_EXPIRED: {
    retryable: false,
    message: '{destination} took no message within {ttlMs} ms. Re-send with `ichor notifications --resend all`.',
  },

  REQUEST_INVALID: { retryable: false, message: 'The request is not valid: {reason}. The API is described at /.' },
  ROUTE_UNKNOWN: { retryable: false, message: 'There is no {method} {path} here. The API is described at /.' },
  SIGN_IN_REQUIRED: {
    retryable: false,
    message: 'Only people who are signed in see this. Sign in at /sign-in, or send an API token that is valid.',
  },
  NOT_ALLOWED: { retryable: false, message: 'This needs the role {roles}, and {name} has the role {role}.' },
  CROSS_SITE_REFUSED: {
    retryable: false,
    message: 'The request did not come from a page of Ichor ({origin}). Open the worklist again and repeat it there.',
  },
  HOST_REFUSED: {
    retryable: false,
    message:
      'The demo has no sign-in and answers on this machine only, not as "{host}". Use http://127.0.0.1, or `npm start`, where people sign in.',
  },
  OIDC_UNAVAILABLE: {
    retryable: true,
    message: 'Single sign-on does not answer: {reason}. Try again, or sign in with a user of Ichor.',
  },
  OIDC_REFUSED: { retryable: false, message: 'Single sign-on was refused: {reason}. Start again at /sign-in.' },
  AUDIT_COLLECTOR_AWAY: {
    retryable: true,
    message: 'The audit record repository {collector} takes no message: {reason}. Check ICHOR_AUDIT_SYSLOG.',
  },
  INPUT_UNUSABLE: { retryable: false, message: '{path} cannot be used: {reason}.' },

  INTERNAL: { retryable: true, message: 'Unexpected fault: {reason}.' },
} as const satisfies Record<string, { retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof ERRORS;
export type Facts = Readonly<Record<string, string | number>>;

type Holes<Message extends string> = Message extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Holes<Rest>
  : never;
/** What the message of a code names: no more and no less. */
export type FactsOf<Code extends ErrorCode> = Readonly<
  Record<Holes<(typeof ERRORS)[Code]['message']>, string | number>
>;
type Given<Code extends ErrorCode> = [keyof FactsOf<Code>] extends [never]
  ? [facts?: FactsOf<Code>, cause?: unknown]
  : [facts: FactsOf<Code>, cause?: unknown];

export class CodedError extends Error {
  readonly code: ErrorCode;
  readonly facts: Facts;
  readonly retryable: boolean;

  constructor(code: ErrorCode, facts: Facts = {}, cause?: unknown) {
    super(fill(ERRORS[code].message, facts), cause === undefined ? undefined : { cause });
    this.name = 'IchorError';
    this.code = code;
    this.facts = facts;
    this.retryable = ERRORS[code].retryable;
  }
}

/** An error of the table {@link ERRORS}: `code` for programs, `message` for people, `facts` for logs. */
export type IchorError = CodedError;
/** The code decides which facts must be given. */
export const IchorError = CodedError as new <Code extends ErrorCode>(code: Code, ...given: Given<Code>) => IchorError;

/** An error that another process sent as its code and facts. */
export const receivedError = (code: ErrorCode, facts: Facts): IchorError => new CodedError(code, facts);

/** Any thrown value as an {@link IchorError}; what is not one already becomes INTERNAL with its cause kept. */
export function asIchorError(thrown: unknown): IchorError {
  return thrown instanceof IchorError ? thrown : new IchorError('INTERNAL', { reason: reasonOf(thrown) }, thrown);
}

/** The one-line reason inside any thrown value. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return reasonOf(thrown.errors[0]);
  return thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
}

function fill(message: string, facts: Facts): string {
  return message.replace(/\{(\w+)\}/g, (hole, name: string) => String(facts[name] ?? hole));
}
