/** What the audit trail knows of. */

/** Every act, as people read it at `/audit`. Its DICOM audit message: `accounts/auditMessage.ts`. */
export const ACTS = {
  'application-start': 'Ichor started',
  'application-stop': 'Ichor stopped',
  'sign-in': 'signed in',
  'sign-out': 'signed out',
  'list-viewed': 'saw the worklist',
  'study-viewed': 'saw the study',
  feedback: 'gave feedback',
  'feedback-exported': 'exported the feedback',
  resend: 'sent again',
  'notifications-viewed': 'saw the notifications',
  retriage: 'had it analysed again',
  'audit-viewed': 'read the audit trail',
  'user-added': 'added a user',
  'user-disabled': 'disabled a user',
  'user-enabled': 'enabled a user',
  'user-role': 'changed the role of a user',
  'password-changed': 'changed a password',
  'token-added': 'added an API token',
  'token-revoked': 'revoked an API token',
} as const;
export type Act = keyof typeof ACTS;
