/** Entries of the audit trail as DICOM audit messages (PS3.15 A.5): XML, one message per entry. */
import { ACTS, type Act } from '@ichor/shared/acts';
import type { AuditRow } from '@ichor/store/rows/audit';

/** What the message says beside the entry. */
export type AuditContext = {
  readonly hostName: string;
  /** Of the study, from the index: PS3.15 A.5.3.6 asks for the patient. */
  readonly patientId: string | null;
  readonly accessionNumber: string | null;
};

type Code = readonly [value: string, meaning: string];
type Event = {
  readonly id: Code;
  readonly types: readonly Code[];
  readonly action: 'C' | 'R' | 'U' | 'D' | 'E';
  /** The object that a security alert is about: a person, a role, a secret. */
  readonly subject?: Code;
};

const ACCESSED: Code = ['110103', 'DICOM Instances Accessed'];
const ALERT: Code = ['110113', 'Security Alert'];
const ATTRIBUTES_CHANGED: Code = ['110137', 'User Security Attributes Changed'];
const USER_ID: Code = ['11', 'User Identifier'];
const userChanged: Event = { id: ALERT, types: [ATTRIBUTES_CHANGED], action: 'E', subject: USER_ID };

/** PS3.15 A.5.3 and PS3.16 CID 400–403. Acts that DICOM has no word for carry a type code of ours. */
const EVENTS: Readonly<Record<Act, Event>> = {
  'application-start': {
    id: ['110100', 'Application Activity'],
    types: [['110120', 'Application Start']],
    action: 'E',
  },
  'application-stop': { id: ['110100', 'Application Activity'], types: [['110121', 'Application Stop']], action: 'E' },
  'sign-in': { id: ['110114', 'User Authentication'], types: [['110122', 'Login']], action: 'E' },
  'sign-out': { id: ['110114', 'User Authentication'], types: [['110123', 'Logout']], action: 'E' },
  'list-viewed': { id: ['110112', 'Query'], types: [], action: 'E' },
  'study-viewed': { id: ACCESSED, types: [], action: 'R' },
  feedback: { id: ACCESSED, types: [['feedback', 'Feedback on findings']], action: 'U' },
  'feedback-exported': { id: ['110106', 'Export'], types: [], action: 'R' },
  resend: { id: ACCESSED, types: [['resend', 'Sent again']], action: 'R' },
  'notifications-viewed': { id: ['110112', 'Query'], types: [['notifications', 'Notifications']], action: 'E' },
  retriage: { id: ACCESSED, types: [['retriage', 'Analysed again']], action: 'R' },
  'audit-viewed': { id: ['110101', 'Audit Log Used'], types: [], action: 'R' },
  'user-added': userChanged,
  'user-disabled': userChanged,
  'user-enabled': userChanged,
  'user-role': { ...userChanged, types: [['110136', 'Security Roles Changed']] },
  'password-changed': userChanged,
  'token-added': userChanged,
  'token-revoked': userChanged,
};

/** An act of another version of Ichor: no row may hold up those behind it. */
const unknownAct = (act: string): Event => ({
  id: ['110100', 'Application Activity'],
  types: [[act, act]],
  action: 'E',
});

/** One line of XML, valid against the schema of PS3.15 A.5.1. */
export function auditMessage(row: AuditRow, context: AuditContext): string {
  const event: Event = EVENTS[row.act] ?? unknownAct(row.act);
  return `<?xml version="1.0" encoding="UTF-8"?>${element('AuditMessage', {}, [
    eventIdentification(row, event),
    ...activeParticipants(row, context.hostName),
    element('AuditSourceIdentification', { AuditSourceID: `ichor@${context.hostName}` }, [
      element('AuditSourceTypeCode', { 'csd-code': '4' }),
    ]),
    ...participantObjects(row, event, context),
  ])}`;
}

function eventIdentification(row: AuditRow, { id, types, action }: Event): string {
  const attributes = {
    EventActionCode: action,
    EventDateTime: row.at,
    EventOutcomeIndicator: row.succeeded ? '0' : '4',
  };
  const outcome = row.succeeded ? [] : [element('EventOutcomeDescription', {}, [escapeXml(row.detail ?? 'refused')])];
  return element('EventIdentification', attributes, [
    coded('EventID', id),
    ...types.map((type) => coded('EventTypeCode', type)),
    ...outcome,
  ]);
}

/** Who did it, and the application that it was done with. */
function activeParticipants(row: AuditRow, hostName: string): string[] {
  const application = element(
    'ActiveParticipant',
    { UserID: 'ichor', UserIsRequestor: 'false', NetworkAccessPointID: hostName, NetworkAccessPointTypeCode: '1' },
    [coded('RoleIDCode', ['110150', 'Application'])],
  );
  if (row.actorKind === 'system') return [application];
  const address = row.address === null ? {} : { NetworkAccessPointID: row.address, NetworkAccessPointTypeCode: '2' };
  const roles = row.role === null ? [] : [coded('RoleIDCode', [row.role, `Role ${row.role}`])];
  return [element('ActiveParticipant', { UserID: row.actor, UserIsRequestor: 'true', ...address }, roles), application];
}

const SEARCHES: Partial<Record<Act, { readonly path: string; readonly name: string }>> = {
  'list-viewed': { path: '/api/studies', name: 'worklist' },
  'notifications-viewed': { path: '/api/notifications', name: 'notifications' },
};

function participantObjects(row: AuditRow, event: Event, context: AuditContext): string[] {
  if (row.act === 'audit-viewed') return [object('2', '13', ['12', 'URI'], '/audit', name('Security Audit Log'))];
  const search = SEARCHES[row.act];
  if (search !== undefined) {
    const query = element('ParticipantObjectQuery', {}, [Buffer.from(search.path).toString('base64')]);
    return [object('2', '24', ['10', 'Search Criteria'], search.name, [query])];
  }
  if (event.subject !== undefined)
    return [object('1', '11', event.subject, row.detail ?? 'unknown', name(ACTS[row.act]))];
  return row.studyInstanceUid === null ? [] : studyObjects(row.studyInstanceUid, context);
}

function studyObjects(uid: string, { accessionNumber, patientId }: AuditContext): string[] {
  const description = element('ParticipantObjectDescription', {}, [
    ...(accessionNumber === null ? [] : [element('Accession', { Number: accessionNumber })]),
    element('ParticipantObjectContainsStudy', {}, [element('StudyIDs', { UID: uid })]),
  ]);
  return [
    object('2', '3', ['110180', 'Study Instance UID'], uid, [...name('study'), description]),
    object('1', '1', ['2', 'Patient Number'], patientId ?? 'unknown', name('patient')),
  ];
}

function object(type: string, role: string, idType: Code, id: string, children: readonly string[]): string {
  return element(
    'ParticipantObjectIdentification',
    { ParticipantObjectID: id, ParticipantObjectTypeCode: type, ParticipantObjectTypeCodeRole: role },
    [coded('ParticipantObjectIDTypeCode', idType), ...children],
  );
}

const name = (text: string): string[] => [element('ParticipantObjectName', {}, [escapeXml(text)])];

/** DICOM's codes have six digits, RFC 3881's one or two; the rest are ours. */
function coded(tag: string, [value, meaning]: Code): string {
  const system = /^\d{6}$/.test(value) ? 'DCM' : /^\d{1,2}$/.test(value) ? 'RFC-3881' : '99ICHOR';
  return element(tag, { 'csd-code': value, codeSystemName: system, originalText: meaning });
}

function element(tag: string, attributes: Readonly<Record<string, string>>, children: readonly string[] = []): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
  return children.length === 0
    ? `<${tag}${written.join('')}/>`
    : `<${tag}${written.join('')}>${children.join('')}</${tag}>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
/** A message must fit into a datagram. */
const LONGEST_TEXT = 500;
/** Characters that XML 1.0 cannot hold become U+FFFD. */
const escapeXml = (text: string): string =>
  text
    .slice(0, LONGEST_TEXT)
    .toWellFormed()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: just these are not allowed in XML
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character]!);
