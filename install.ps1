# Untested: this script was reviewed but has never been run on Windows, and the program has not been
# built for Windows.
#
# Installs a published todo-bootstrap.exe for the current user and verifies its checksum. The program
# needs a container engine with Linux containers, which requires WSL 2 on Windows. Prefer install.sh in
# WSL 2 (`wsl --install`).
#
#   irm https://github.com/OWNER/REPOSITORY/releases/latest/download/install.ps1 | iex
#   .\install.ps1 [-Version VERSION] [-Sha256 HEX] [-Dir DIR] [-Uninstall]
#
# -Dir      the directory to install to (default: $env:TODO_BOOTSTRAP_INSTALL_DIR, else
#           %LOCALAPPDATA%\Programs\todo-bootstrap)
# -Version  default: $env:TODO_BOOTSTRAP_VERSION, else the latest
# -Sha256   the archive must also have this checksum
#
# Releases come from $env:TODO_BOOTSTRAP_BASE_URL, else from where this file was published. The variable
# contains an https:// URL, a directory, or an http:// URL on this machine. PATH is not changed. Requires Windows PowerShell 5.1 or newer.
param(
    [string]$Version = $env:TODO_BOOTSTRAP_VERSION,
    [string]$Sha256 = '',
    [string]$Dir = $env:TODO_BOOTSTRAP_INSTALL_DIR,
    [switch]$Uninstall
)

function Install-TodoBootstrap {
    param([string]$Version, [string]$Sha256, [string]$Dir, [bool]$Uninstall)

    # Set inside the function: `iex` runs in the user's session, whose settings must not change.
    Set-StrictMode -Version 2
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue' # the progress bar makes downloads in 5.1 much slower

    $name = 'todo-bootstrap'
    # The web page of the repository; `cargo xtask release --page` sets it in the copies for a release.
    $page = ''

    function Stop-With([string]$Message, [string]$Help) {
        throw "$Message`n  help: $Help"
    }

    # The target for the processor of the machine, even if this PowerShell is emulated.
    function Get-Target {
        # The variable does not exist before PowerShell 6, which runs only on Windows.
        if ((Test-Path Variable:IsWindows) -and -not (Get-Variable IsWindows -ValueOnly)) {
            Stop-With 'this is not Windows' 'use install.sh instead'
        }
        # Environment variables show AMD64 in an emulated x64 process on ARM64; the registry has the
        # value of the machine.
        $key = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment'
        $cpu = (Get-ItemProperty -Path $key -Name PROCESSOR_ARCHITECTURE).PROCESSOR_ARCHITECTURE
        switch ($cpu) {
            'AMD64' { return 'x86_64-pc-windows-msvc' }
            'ARM64' { return 'aarch64-pc-windows-msvc' }
        }
        Stop-With "there is no published build for $cpu, only for AMD64 and ARM64" 'install a 64-bit version of Windows'
    }

    # Plain http is allowed only for this machine.
    function Get-Base {
        $base = ''
        if ($page) { $base = "$page/releases" }
        if ($env:TODO_BOOTSTRAP_BASE_URL) { $base = $env:TODO_BOOTSTRAP_BASE_URL.TrimEnd('/', '\') }
        if (-not $base) {
            Stop-With 'the address of the releases is unknown' 'set TODO_BOOTSTRAP_BASE_URL to https://HOST/PATH or to a directory'
        }
        if ($base -notmatch '^[A-Za-z][A-Za-z0-9+.-]+://') {
            if (-not (Test-Path -LiteralPath $base -PathType Container)) {
                Stop-With "no such directory: $base" 'set TODO_BOOTSTRAP_BASE_URL to https://HOST/PATH or to a directory'
            }
            return (Resolve-Path -LiteralPath $base).ProviderPath
        }
        $uri = [Uri]$base
        $allowed = $uri.Scheme -eq 'https' -or ($uri.Scheme -eq 'http' -and $uri.IsLoopback)
        if (-not $allowed -or $uri.UserInfo) {
            Stop-With "$($uri.Scheme)://$($uri.Host) is not allowed for releases" 'set TODO_BOOTSTRAP_BASE_URL to https://HOST/PATH or to a directory'
        }
        return $base
    }

    # Downloads $Base/$Path to $File. It follows redirects itself, because Windows PowerShell would also
    # follow them from https:// to http://.
    function Get-File([string]$Base, [string]$Path, [string]$File) {
        if ($Base -notmatch '^https?://') {
            Copy-Item -LiteralPath (Join-Path $Base $Path) -Destination $File
            return
        }
        $uri = [Uri]"$Base/$Path"
        for ($redirects = 0; $redirects -le 5; $redirects++) {
            $request = [Net.HttpWebRequest][Net.WebRequest]::Create($uri)
            $request.AllowAutoRedirect = $false
            $request.UserAgent = "$name-install"
            $request.Timeout = 30000
            $request.ReadWriteTimeout = 30000
            # Use the system proxy with the credentials of the current user.
            if ($request.Proxy) { $request.Proxy.Credentials = [Net.CredentialCache]::DefaultCredentials }
            if ($uri.IsLoopback) { $request.Proxy = $null }
            try {
                $response = $request.GetResponse()
            } catch {
                Stop-With "cannot download ${uri}: $($_.Exception.Message)" "choose a version from $Base"
            }
            try {
                if ([int]$response.StatusCode -ge 300) {
                    $uri = New-Object Uri($uri, $response.Headers['Location'])
                    if ($uri.Scheme -ne 'https') {
                        Stop-With "the server redirects to $uri, which is not secure" 'set TODO_BOOTSTRAP_BASE_URL to https://HOST/PATH or to a directory'
                    }
                    continue
                }
                Save-Stream $response.GetResponseStream() $File $response.ContentLength
                return
            } finally {
                $response.Close()
            }
        }
        Stop-With "more than 5 redirects for $Base/$Path" "choose a version from $Base"
    }

    # Saves at most 200 MB, and exactly the announced number of bytes.
    function Save-Stream([IO.Stream]$From, [string]$File, [long]$Length) {
        $to = [IO.File]::Create($File)
        try {
            $buffer = New-Object byte[] 65536
            $total = 0
            while (($read = $From.Read($buffer, 0, $buffer.Length)) -gt 0) {
                $total += $read
                if ($total -gt 200MB) { Stop-With 'the download is larger than 200 MB' 'try again later' }
                $to.Write($buffer, 0, $read)
            }
        } finally {
            $to.Dispose()
        }
        if ($Length -ge 0 -and $total -ne $Length) {
            Stop-With "the download ended after $total of $Length bytes" 'try again'
        }
    }

    # The line of SHA256SUMS for the target.
    function Find-Archive([string]$Base, [string]$Sums, [string]$Target, [string]$Version) {
        $wanted = '[0-9][0-9A-Za-z.+-]*'
        if ($Version) { $wanted = [Regex]::Escape($Version) }
        $pattern = "^([0-9a-f]{64}) [ *]($name-($wanted)-$([Regex]::Escape($Target))\.tar\.gz)$"
        $found = @(Get-Content -LiteralPath $Sums | Where-Object { $_ -cmatch $pattern })
        if ($found.Count -ne 1) {
            Stop-With "SHA256SUMS has $($found.Count) lines for $Target instead of one" "choose a version from $Base, or use WSL 2: wsl --install"
        }
        $null = $found[0] -cmatch $pattern
        return @{ Sha256 = $Matches[1]; File = $Matches[2]; Version = $Matches[3] }
    }

    function Get-Digest([string]$File) {
        return (Get-FileHash -LiteralPath $File -Algorithm SHA256).Hash.ToLowerInvariant()
    }

    # The version of an installed program, or null.
    function Get-Installed([string]$Program) {
        if (-not (Test-Path -LiteralPath $Program -PathType Leaf)) { return $null }
        try {
            $output = "$(& $Program --version)"
        } catch {
            return $null
        }
        if ($output -cmatch "^$name ([0-9]+\.[0-9]+\.[0-9]+)") { return $Matches[1] }
        return $null
    }

    function Remove-Program([string]$Program, [string]$Note) {
        if (-not (Test-Path -LiteralPath $Program)) {
            Write-Host "$Program does not exist; nothing to remove"
            return
        }
        $ours = (Test-Path -LiteralPath $Note) -and
            "$(Get-Content -LiteralPath $Note -TotalCount 1)" -eq (Get-Digest $Program)
        if (-not $ours) {
            Stop-With "$Program is not the file that this script installed and was not removed" "Remove-Item '$Program'"
        }
        Remove-Item -LiteralPath $Program, $Note -Force
        Write-Host "removed $Program"
    }

    # Downloads the program, verifies it, runs it once and then replaces the old one.
    function Add-Program([string]$Base, [string]$Work, [string]$Program, [string]$Note) {
        $target = Get-Target
        $from = 'latest/download'
        if ($Version) { $from = "download/v$Version" }
        $sums = Join-Path $Work 'SHA256SUMS'
        Get-File $Base "$from/SHA256SUMS" $sums
        $archive = Find-Archive $Base $sums $target $Version
        if ($Sha256 -and $Sha256 -ne $archive.Sha256) {
            Stop-With "SHA256SUMS and -Sha256 differ for $($archive.File)`n  SHA256SUMS $($archive.Sha256)`n  -Sha256    $Sha256" 'compare both with the checksum that the publisher announces'
        }
        $old = Get-Installed $Program
        $numbers = $archive.Version -replace '[-+].*$', ''
        if ($old -and -not $Version -and [Version]$numbers -lt [Version]$old) {
            Stop-With "the latest release is $($archive.Version), but the newer version $old is installed" "-Version $($archive.Version)   # installs the older version"
        }
        if ($old) { Write-Host "replacing $old with $($archive.Version)" }

        $path = "download/v$($archive.Version)/$($archive.File)"
        $packed = Join-Path $Work 'archive.tar.gz'
        Write-Host "downloading $Base/$path"
        Get-File $Base $path $packed
        $got = Get-Digest $packed
        if ($got -ne $archive.Sha256) {
            Stop-With "the checksum of $($archive.File) is wrong; nothing was installed`n  expected $($archive.Sha256)`n  got      $got" 'try again; if the error persists, see docs/SECURITY.md'
        }
        # The tar of Windows (since 10 version 1803 and Server 2019); PATH may contain a different one.
        $tar = Join-Path $env:SystemRoot 'System32\tar.exe'
        if (-not (Test-Path -LiteralPath $tar)) {
            Stop-With 'tar.exe is missing; it requires Windows 10 version 1803 or newer' 'wsl --install'
        }
        $folder = "$name-$($archive.Version)-$target"
        & $tar -xzf $packed -C $Work "$folder/$name.exe"
        $failed = $LASTEXITCODE -ne 0
        $new = Join-Path (Join-Path $Work $folder) "$name.exe"
        $item = Get-Item -LiteralPath $new -Force -ErrorAction SilentlyContinue
        if ($failed -or $item -isnot [IO.FileInfo] -or ($item.Attributes -band [IO.FileAttributes]::ReparsePoint)) {
            Stop-With "$($archive.File) does not contain the regular file $folder/$name.exe; nothing was installed" "report this to the publisher of $Base"
        }
        if ((Get-Installed $new) -ne $numbers) {
            Stop-With "the program does not run on this machine, or is not version $($archive.Version); nothing was installed" 'wsl --install   # then run install.sh in WSL 2'
        }
        $digest = Get-Digest $new
        # Both files are on the same volume, so the replacement is atomic.
        Move-Item -LiteralPath $new -Destination $Program -Force
        Set-Content -LiteralPath $Note -Value $digest -Encoding Ascii
        Write-Host "installed $Program"
    }

    if (-not $Dir) { $Dir = Join-Path $env:LOCALAPPDATA "Programs\$name" }
    # .NET has its own current directory.
    $Dir = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Dir)
    $Version = $Version -replace '^v', ''
    $Sha256 = $Sha256.ToLowerInvariant()
    $program = Join-Path $Dir "$name.exe"
    $note = Join-Path $Dir ".$name.sha256"
    if ($Uninstall) {
        Remove-Program $program $note
        return
    }
    if ($Version -and $Version -cnotmatch '^[0-9]+\.[0-9][0-9A-Za-z.+-]*$') {
        Stop-With "invalid version: $Version" '-Version 0.1.0'
    }
    if ($Sha256 -and $Sha256 -cnotmatch '^[0-9a-f]{64}$') {
        Stop-With '-Sha256 needs 64 hexadecimal digits' 'Get-FileHash ARCHIVE'
    }
    $base = Get-Base
    $null = New-Item -ItemType Directory -Force -Path $Dir
    $work = Join-Path $Dir ".$name.new.$PID"
    # A killed run may have left this directory.
    if (Test-Path -LiteralPath $work) { Remove-Item -LiteralPath $work -Recurse -Force }
    $null = New-Item -ItemType Directory -Path $work
    $before = [Net.ServicePointManager]::SecurityProtocol
    try {
        # Windows PowerShell may default to TLS 1.0.
        [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
        Add-Program $base $work $program $note
    } finally {
        [Net.ServicePointManager]::SecurityProtocol = $before
        Remove-Item -LiteralPath $work -Recurse -Force -ErrorAction SilentlyContinue
    }
    if (($env:Path -split ';') -notcontains $Dir) {
        Write-Host "$Dir is not on PATH; to add it for yourself:"
        Write-Host "  [Environment]::SetEnvironmentVariable('Path', [Environment]::GetEnvironmentVariable('Path', 'User') + ';$Dir', 'User')"
    }
    Write-Host "next: $name doctor   # lists unmet requirements, such as a container engine"
}

# On the last line, so that a truncated script does nothing.
& { Install-TodoBootstrap -Version $Version -Sha256 $Sha256 -Dir $Dir -Uninstall $Uninstall.IsPresent }
