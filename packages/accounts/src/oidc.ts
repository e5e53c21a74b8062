/**
 * OpenID Connect (sole importer of openid-client): authorization code flow with PKCE, state and nonce.
 * The provider is looked up when it is first needed and again after a fault: a provider that is away stops nobody else.
 */

import type { OidcSettings } from '@ichor/settings/sections/oidc';
import { isLoopback, ROLES, type Role } from '@ichor/settings/signInSettings';
import { IchorError, reasonOf } from '@ichor/shared/errors';
import * as client from 'openid-client';

export type OidcPerson = {
  readonly subject: string;
  readonly name: string;
  readonly displayName: string;
  readonly role: Role;
  readonly idToken: string | null;
};
/** What must be kept between the way there and the way back. */
export type OidcRequest = { readonly state: string; readonly nonce: string; readonly codeVerifier: string };

export type OidcProvider = {
  readonly issuer: string;
  /** Why sign-in there cannot be offered right now; null when it can. */
  problem(): Promise<string | null>;
  /** Where the browser goes to sign in. @throws IchorError OIDC_UNAVAILABLE */
  begin(): Promise<{ readonly request: OidcRequest; readonly url: string }>;
  /** Who came back. @param query of the callback @throws IchorError OIDC_REFUSED, OIDC_UNAVAILABLE */
  finish(query: string, request: OidcRequest): Promise<OidcPerson>;
  /** Where the browser goes to sign out there too; null when the provider has no such place. */
  signOutUrl(idToken: string | null): Promise<string | null>;
};

const LOOKUP_TIMEOUT_SECONDS = 3;

export function openOidc(settings: OidcSettings, publicUrl: string): OidcProvider {
  const redirectUri = `${publicUrl}/sign-in/oidc/callback`;
  const provider = keepOnceFound(() => discover(settings));
  return {
    issuer: settings.issuer,
    problem: () => provider().then(() => null, reasonOf),
    async begin() {
      const request = {
        state: client.randomState(),
        nonce: client.randomNonce(),
        codeVerifier: client.randomPKCECodeVerifier(),
      };
      const url = client.buildAuthorizationUrl(await provider(), {
        redirect_uri: redirectUri,
        scope: settings.scope,
        state: request.state,
        nonce: request.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(request.codeVerifier),
        code_challenge_method: 'S256',
      });
      return { request, url: url.href };
    },
    async finish(query, request) {
      const tokens = await grant(await provider(), new URL(`${redirectUri}?${query}`), request);
      const claims = tokens.claims()!;
      return { ...describe(claims, settings), idToken: tokens.id_token ?? null };
    },
    async signOutUrl(idToken) {
      const found = await provider().catch(() => null);
      if (!found?.serverMetadata().end_session_endpoint) return null;
      const hint = idToken === null ? {} : { id_token_hint: idToken };
      return client.buildEndSessionUrl(found, { post_logout_redirect_uri: `${publicUrl}/sign-in`, ...hint }).href;
    },
  };
}

async function discover(settings: OidcSettings): Promise<client.Configuration> {
  const issuer = new URL(settings.issuer);
  /** The configuration allows http for a provider on this machine only. */
  const insecure = issuer.protocol === 'http:' && isLoopback(issuer.hostname);
  try {
    return await client.discovery(
      issuer,
      settings.clientId,
      settings.clientSecret,
      client.ClientSecretBasic(settings.clientSecret),
      {
        timeout: LOOKUP_TIMEOUT_SECONDS,
        execute: [client.enableNonRepudiationChecks, ...(insecure ? [client.allowInsecureRequests] : [])],
      },
    );
  } catch (error) {
    throw new IchorError('OIDC_UNAVAILABLE', { reason: reasonWithCause(error) }, error);
  }
}

async function grant(provider: client.Configuration, url: URL, request: OidcRequest) {
  try {
    return await client.authorizationCodeGrant(provider, url, {
      expectedState: request.state,
      expectedNonce: request.nonce,
      pkceCodeVerifier: request.codeVerifier,
      idTokenExpected: true,
    });
  } catch (error) {
    const away = error instanceof TypeError || (error as { code?: string }).code === 'OAUTH_TIMEOUT';
    throw new IchorError(away ? 'OIDC_UNAVAILABLE' : 'OIDC_REFUSED', { reason: reasonWithCause(error) }, error);
  }
}

/** @throws IchorError OIDC_REFUSED when no group of the person has a role here */
function describe(
  claims: Readonly<Record<string, unknown>>,
  { issuer, roleClaim, roles }: OidcSettings,
): Omit<OidcPerson, 'idToken'> {
  const groups = [claims[roleClaim] ?? []].flat().map(String);
  const given = ROLES.findLast((role) => groups.some((group) => roles.get(group) === role));
  const subject = String(claims['sub']);
  const user = [claims['preferred_username'], claims['email'], subject].find((value) => typeof value === 'string')!;
  const name = String(user).toLowerCase();
  if (given === undefined)
    throw new IchorError('OIDC_REFUSED', { reason: `no group of ${name} has a role in Ichor (ICHOR_OIDC_ROLES)` });
  return {
    subject,
    /** The `@` keeps these names apart from local ones. */
    name: name.includes('@') ? name : `${name}@${new URL(issuer).hostname}`,
    displayName: typeof claims['name'] === 'string' ? claims['name'] : String(user),
    role: given,
  };
}

/** Calls while a look-up is under way share it; a failed one is forgotten. */
function keepOnceFound<T>(find: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | null = null;
  return () => {
    found ??= find().catch((error) => {
      found = null;
      throw error;
    });
    return found;
  };
}

function reasonWithCause(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  const detail = cause instanceof Error ? reasonOf(cause) : (cause as { error?: string } | undefined)?.error;
  return detail ? `${reasonOf(error)} (${detail})` : reasonOf(error);
}
