// The account page: the password, and the end of the account.
import Link from "next/link";
import { redirect } from "next/navigation";
import { ChangePassword } from "@/features/accounts/ChangePassword";
import { DeleteAccount } from "@/features/accounts/DeleteAccount";
import { accountsOn } from "@/lib/auth/config";
import { person } from "@/lib/auth/session";

export default async function Account() {
  if (!accountsOn()) redirect("/");
  const user = await person();
  if (!user) redirect("/log-in");
  return (
    <div className="mx-auto flex max-w-md flex-col gap-6">
      <div className="flex flex-col gap-1">
        <h1 className="text-2xl font-bold tracking-tight">Your account</h1>
        <p className="text-muted wrap-anywhere">
          {user.name}, {user.email}
        </p>
      </div>
      <ChangePassword email={user.email} />
      <DeleteAccount email={user.email} />
      <p>
        <Link href="/" className="font-medium text-accent underline underline-offset-2">
          Back to the tasks
        </Link>
      </p>
    </div>
  );
}
