/** The public door of the worklist. */
export * from './app.ts';
export * from './auth/accounts.ts';
export { ACTS, type Act, type AuditEntry, writeAudit } from './auth/auditTrail.ts';
export * from './auth/tokens.ts';
export * from './checks.ts';
export * from './eventStream.ts';
export * from './incidents.ts';
export { deliverySummary, explanation } from './page.ts';
export * from './requestTriage.ts';
export * from './studies.ts';
export * from './studySchema.ts';
export * from './worklist.ts';
