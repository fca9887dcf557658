/**
 * `using` support, with and without declarations of the platform's symbols.
 *
 * @module
 */

/**
 * `Disposable` (for `K` = `"dispose"`) or `AsyncDisposable` (for `"asyncDispose"`), where the `lib` of the program
 * declares the symbol; an object otherwise. Where the platform lacks the symbol, the method is unreachable.
 *
 * @category Cancel
 */
export type Disposes<K extends "dispose" | "asyncDispose"> = SymbolConstructor extends
  { readonly [N in K]: infer S extends symbol } ? { [N in S]: () => K extends "dispose" ? void : Promise<void> }
  : object;
