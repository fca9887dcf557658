/**
 * The type assertions of `@std/testing/types`, as far as we use them.
 *
 * @module
 */

/** Does nothing: the check is that `T` compiles as `true` or `false`. */
export function assertType<T extends boolean>(_expected: T): void {}

/** `true` if the two types are the same type. */
export type IsExact<T, U> = (<X>() => X extends T ? 1 : 2) extends (<X>() => X extends U ? 1 : 2) ? true : false;

/** `true` if `T` is `any`. */
export type IsAny<T> = 0 extends (1 & T) ? true : false;

/** `true` if `T` is `never`. */
export type IsNever<T> = [T] extends [never] ? true : false;

/** `true` if `T` is `unknown`. */
export type IsUnknown<T> = IsAny<T> extends true ? false
  : unknown extends T ? true
  : false;

/** `true` if `T` can be `null` or `undefined`. */
export type IsNullable<T> = Extract<T, null | undefined> extends never ? false
  : true;

/** `true` if the union `T` has `U` in it. */
export type Has<T, U> = IsAny<T> extends true ? true
  : U extends T ? true
  : false;

/** `true` if the union `T` does not have `U` in it. */
export type NotHas<T, U> = Has<T, U> extends true ? false : true;

/** Compiles only for `true`. */
export type AssertTrue<_T extends true> = never;

/** Compiles only for `false`. */
export type AssertFalse<_T extends false> = never;

/** Compiles only if `T` is `Expected`. */
export type Assert<T extends Expected, Expected extends boolean> = never & T;
