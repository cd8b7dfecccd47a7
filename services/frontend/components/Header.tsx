// The header of every page.
import Link from "next/link";
import { Icon } from "@/components/Icon";
import { LogOut } from "@/features/accounts/LogOut";

interface Props {
  title: string;
  /** The user who is logged in, if any. */
  email?: string | undefined;
}

export function Header({ title, email }: Props) {
  return (
    <header className="border-b border-line bg-surface">
      <div className="shell flex h-14 items-center gap-3">
        <span className="grid size-8 shrink-0 place-items-center rounded-lg bg-accent text-on-accent">
          <Icon name="check" className="stroke-[2.5]" />
        </span>
        <p className="min-w-0 flex-1 truncate font-semibold tracking-tight">{title}</p>
        {email && (
          <>
            <Link href="/account" className="button-quiet h-10 min-w-0 px-3 text-sm" aria-label={`Account of ${email}`}>
              <span className="truncate max-sm:hidden">{email}</span>
              <span className="sm:hidden">Account</span>
            </Link>
            <LogOut />
          </>
        )}
      </div>
    </header>
  );
}
