/** Who is behind a request. */
import type { Role } from '@ichor/settings/signInSettings';
import type { FastifyRequest } from 'fastify';

/** `demo`: nobody signed in, on a worklist that only this machine reaches. */
export type User = {
  readonly name: string;
  readonly displayName: string;
  readonly role: Role;
  readonly kind: 'person' | 'token' | 'demo';
};

/** What is known of the one behind a request beside {@link User}. */
export type Identity = {
  readonly user: User;
  /** People of any role, and tokens that were made for it. */
  readonly maySeePatients: boolean;
  /** Of a person with a session. */
  readonly session: { readonly hash: Buffer; readonly accountId: string; readonly local: boolean } | null;
  /** Of a machine with a token. */
  readonly tokenHash: Buffer | null;
};

export const DEMO: Identity = {
  user: { name: 'demo', displayName: 'Demo', role: 'administrator', kind: 'demo' },
  maySeePatients: false,
  session: null,
  tokenHash: null,
};

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before every handler; null for a stranger, who reaches open routes only. */
    user: User | null;
    identity: Identity | null;
  }
}

/** Whether patient names and IDs may go into the answer. */
export const maySeePatients = (request: FastifyRequest): boolean => request.identity?.maySeePatients ?? false;
